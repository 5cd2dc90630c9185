"""Training methods: which parameters of a base model are trained, and by which construction."""

from pathlib import Path
from typing import Any

from ..engines.bottleneck import add_bottlenecks, save_bottlenecks
from ..engines.loading import Model, quiet_libraries
from ..errors import ConfigError
from .config import BOTTLENECK_METHODS, LOW_RANK_METHODS, AdapterOptions, TrainConfig

# Names of key and value projections and of the last feed-forward layer, which IA3 rescales.
_ATTENTION = ("k_proj", "v_proj", "query_key_value", "k", "v", "c_attn")
_FEED_FORWARD = ("down_proj", "dense_4h_to_h", "fc2", "wo")


def attach(
    model: Model, config: TrainConfig, *, total_steps: int, new_tokens: tuple[int, ...] = ()
) -> Model:
    """Freeze what the method does not train and return the model to train.

    `new_tokens` are the ids of added vocabulary, trained whatever the method.

    Raises:
        ConfigError: the method cannot be put on this model.
    """
    if config.method == "full":
        return model
    if config.method in BOTTLENECK_METHODS:
        add_bottlenecks(model, config.method, config.adapter.bottleneck)
        return model
    with quiet_libraries():
        import peft
    settings = _peft_config(peft, model, config, total_steps)
    if new_tokens:
        settings.trainable_token_indices = _token_rows(model, new_tokens)
    try:
        with quiet_libraries():
            return peft.get_peft_model(model, settings)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"method {config.method!r} does not fit {model.config.model_type!r}: {reason}"
        ) from None


def save_start(model: Model, config: TrainConfig, folder: Path) -> None:
    """Write the adapter as it starts where it starts by taking a part out of the base."""
    if config.adapter.init == "default":
        return
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def save_trained(model: Model, config: TrainConfig, folder: Path, start: Path) -> None:
    """Write what was trained: the adapter alone, or the whole model for `full`.

    An adapter that `save_start` wrote to `start` becomes its difference from that, which belongs to
    the untouched base.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if config.method in BOTTLENECK_METHODS:
        save_bottlenecks(model, folder, config.method, config.adapter.bottleneck)
    else:
        options: dict[str, Any] = {}
        if config.adapter.init != "default":
            options["path_initial_model_for_weight_conversion"] = str(start)
        with quiet_libraries():
            model.save_pretrained(folder, safe_serialization=True, **options)
        # peft's own card, a form full of "more information needed".
        (folder / "README.md").unlink(missing_ok=True)


def linear_names(model: Model) -> list[str]:
    """Return the last name parts of all linear layers but the output layer, sorted."""
    import torch

    output = model.get_output_embeddings()
    return sorted(
        {
            name.rsplit(".", 1)[-1]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not output
        }
    )


def _peft_config(peft: Any, model: Model, config: TrainConfig, total_steps: int) -> Any:
    method, adapter = config.method, config.adapter
    task = "SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM"
    names = linear_names(model)
    for target in adapter.targets:
        if target not in names:
            raise ConfigError(
                f"adapter.targets: {model.config.model_type!r} has no linear layer {target!r}; "
                f"it has {', '.join(names)}"
            )
    if method == "adalora":
        return _adalora(peft, adapter, task, list(adapter.targets) or names, total_steps)
    if method in LOW_RANK_METHODS:
        return peft.LoraConfig(
            task_type=task,
            r=adapter.rank,
            lora_alpha=adapter.alpha,
            lora_dropout=adapter.dropout,
            target_modules=list(adapter.targets) or names,
            use_dora=method == "dora",
            use_rslora=method == "rslora",
            init_lora_weights=adapter.init if adapter.init != "default" else True,
        )
    if method == "ia3":
        chosen = [n for n in names if n in (*_ATTENTION, *_FEED_FORWARD)]
        chosen = list(adapter.targets) or chosen
        last = [n for n in chosen if n in _FEED_FORWARD]
        return peft.IA3Config(task_type=task, target_modules=chosen, feedforward_modules=last)
    tokens = adapter.virtual_tokens
    if method == "prefix":
        return peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=tokens)
    if method == "p-tuning":
        width = model.get_input_embeddings().weight.shape[1]
        return peft.PromptEncoderConfig(
            task_type=task, num_virtual_tokens=tokens, encoder_hidden_size=width
        )
    return peft.PromptTuningConfig(task_type=task, num_virtual_tokens=tokens)


def _adalora(
    peft: Any, adapter: AdapterOptions, task: str, targets: list[str], total_steps: int
) -> Any:
    start = int(total_steps * adapter.prune_from)
    # The last budget is applied at `total - tfinal`, which must leave steps to train with it.
    last = max(1, total_steps - int(total_steps * adapter.prune_until))
    if start >= total_steps - last:
        raise ConfigError(
            f"adalora needs more than {total_steps} steps between prune_from and prune_until"
        )
    return peft.AdaLoraConfig(
        task_type=task,
        init_r=adapter.initial_rank,
        target_r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=targets,
        total_step=total_steps,
        tinit=start,
        tfinal=last,
        # Often enough for short runs, at most a hundred times in long ones.
        deltaT=max(1, total_steps // 100),
    )


def _token_rows(model: Model, new_tokens: tuple[int, ...]) -> dict[str, list[int]]:
    """Name the embedding tables whose new rows are trained; tied ones are one table."""
    tables = {id(model.get_input_embeddings().weight): model.get_input_embeddings()}
    output = model.get_output_embeddings()
    if output is not None and output.weight is not model.get_input_embeddings().weight:
        tables[id(output.weight)] = output
    places = {id(module): name for name, module in model.named_modules()}
    return {places[id(module)]: list(new_tokens) for module in tables.values()}
