"""What a training run is told: frozen dataclasses whose defaults are the only defaults."""

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from ..data.configuration import one_of

METHODS = (
    "full",
    "lora",
    "qlora",
    "int8",
    "dora",
    "rslora",
    "adalora",
    "ia3",
    "prefix",
    "p-tuning",
    "prompt",
    "sequential",
    "parallel",
)
PROMPT_METHODS = ("prefix", "p-tuning", "prompt")
BOTTLENECK_METHODS = ("sequential", "parallel")
LOW_RANK_METHODS = ("lora", "qlora", "int8", "dora", "rslora", "adalora")
DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTISATIONS = ("none", "nf4", "int8")
OVERLONG = ("skip", "window", "error")
SCHEDULERS = ("cosine", "linear", "constant", "constant_with_warmup")
OPTIMIZERS = (
    "auto",
    "adamw_torch",
    "adamw_torch_fused",
    "adafactor",
    "paged_adamw_32bit",
    "paged_adamw_8bit",
    "adamw_bnb_8bit",
)
TRACKERS = ("none", "tensorboard", "wandb")
INITS = ("default", "pissa")
METRICS = ("loss", "f1")
ATTENTIONS = ("auto", "eager", "sdpa", "flash_attention_2")

Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]


@dataclass(frozen=True)
class ModelOptions:
    """The base model. `base` is a folder or a hub id; `dtype` is that of its weights.

    `quantise` loads the frozen base of any adapter method in 4 or 8 bits; `qlora` and `int8` are
    `lora` with it set. `added_tokens` names a text file of tokens, one a line, to add to the
    vocabulary; their embeddings start at the mean of the pieces they replace.
    """

    base: str = ""
    dtype: Annotated[str, one_of(DTYPES)] = "auto"
    quantise: Annotated[str, one_of(QUANTISATIONS)] = "none"
    attention: Annotated[str, one_of(ATTENTIONS)] = "auto"
    trust_remote_code: bool = False
    added_tokens: str | None = None


@dataclass(frozen=True)
class AdapterOptions:
    """The trained part. `targets` names linear layers; empty: all but the output layer.

    `rank`, `alpha` and `dropout` are for the low-rank methods, `virtual_tokens` for the prompt methods.
    `bottleneck` is the inner width of sequential and parallel adapters. AdaLoRA starts at
    `initial_rank` and prunes to a mean of `rank` between the fractions `prune_from` and
    `prune_until` of all steps. `init` says where LoRA starts: `pissa` (Meng et al. 2024) at the
    principal singular vectors of the base instead of at nothing; it is saved as a plain LoRA of
    twice the rank.
    """

    rank: AtLeastOne = 16
    alpha: AtLeastOne = 32
    dropout: Fraction = 0.0
    targets: tuple[str, ...] = ()
    virtual_tokens: AtLeastOne = 16
    bottleneck: AtLeastOne = 64
    initial_rank: int = 24
    prune_from: float = 0.1
    prune_until: float = 0.7
    init: Annotated[str, one_of(INITS)] = "default"


@dataclass(frozen=True)
class DataOptions:
    """Instruction records in JSON Lines. Lengths are in tokens, prompt and answer together.

    `dev_fraction` of the training records is held out where no `dev` file is given. Longer records
    are skipped and counted, cut into windows of text, or an error; a run stops where more than the
    share `allow_skipped` of them is skipped. `packing` (null: where it is
    exact) joins records to full rows without attention between them. `schema` (null: the
    built-in one of each record's source) reads answers back, for windows and for scoring.
    `style` is the `chinchilla.json` of the records; it is looked for beside them.
    """

    train: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    dev_fraction: Fraction = 0.0
    schema: str | None = None
    style: str | None = None
    max_length: Annotated[int, Meta(ge=8)] = 1024
    overlong: Annotated[str, one_of(OVERLONG)] = "skip"
    allow_skipped: Fraction = 0.01
    packing: bool | None = None
    workers: Count = 0


@dataclass(frozen=True)
class TrainingOptions:
    """The optimisation. `batch_size` counts rows a device, `accumulation` batches a step.

    `max_steps` above 0 overrides `epochs`. `warmup` is a fraction of all steps. `autocast` (null:
    where the device has bfloat16) computes in bfloat16 over weights kept as they are.
    `neftune` above 0 adds noise of that size to embeddings (NEFTune, Jain et al. 2023: 5 to 15), scaled
    by the length of a row. `lora_plus` above 0 is how many times the learning rate LoRA's second matrix
    gets (LoRA+, Hayou et al. 2024: 16). `liger` takes Liger's kernels, on a GPU.
    """

    epochs: float = 3.0
    max_steps: Count = 0
    batch_size: AtLeastOne = 4
    accumulation: AtLeastOne = 4
    learning_rate: Annotated[float, Meta(gt=0)] = 2e-4
    scheduler: Annotated[str, one_of(SCHEDULERS)] = "cosine"
    warmup: Fraction = 0.03
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    optimizer: Annotated[str, one_of(OPTIMIZERS)] = "auto"
    gradient_checkpointing: bool = False
    autocast: bool | None = None
    neftune: Annotated[float, Meta(ge=0)] = 0.0
    lora_plus: Annotated[float, Meta(ge=0)] = 0.0
    liger: bool = False
    seed: int = 0


@dataclass(frozen=True)
class EvaluationOptions:
    """Validation: every `every` steps (0: once an epoch), by loss and by generation.

    `generate` dev records are answered and scored by extraction F1 (0: none), each with at most
    `max_tokens` tokens. `metric` chooses the best checkpoint; training stops after `patience`
    validations without a better one (0: never).
    """

    every: Count = 0
    batch_size: AtLeastOne = 8
    generate: Count = 0
    max_tokens: AtLeastOne = 512
    metric: Annotated[str, one_of(METRICS)] = "loss"
    patience: Count = 0


@dataclass(frozen=True)
class TrackingOptions:
    """Where figures go besides `metrics.jsonl`; checkpoints follow `save_every` steps.

    `save_every` 0 saves at every validation, or at every epoch without one.
    """

    to: Annotated[str, one_of(TRACKERS)] = "none"
    project: str = "chinchilla"
    log_every: AtLeastOne = 10
    save_every: Count = 0
    keep: AtLeastOne = 2


@dataclass(frozen=True)
class DistributedOptions:
    """Several devices beyond DDP: a folder-relative FSDP (YAML) or DeepSpeed (JSON) file."""

    fsdp: str | None = None
    deepspeed: str | None = None


@dataclass(frozen=True)
class TrainConfig:
    """A whole run; `output` is the run folder."""

    output: str = ""
    method: Annotated[str, one_of(METHODS)] = "lora"
    model: ModelOptions = field(default_factory=ModelOptions)
    adapter: AdapterOptions = field(default_factory=AdapterOptions)
    data: DataOptions = field(default_factory=DataOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    distributed: DistributedOptions = field(default_factory=DistributedOptions)

    @property
    def quantisation(self) -> str:
        """How the base is loaded: the method's own quantisation or `model.quantise`."""
        return {"qlora": "nf4", "int8": "int8"}.get(self.method, self.model.quantise)
