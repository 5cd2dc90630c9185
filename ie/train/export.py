"""Export: an adapter merged into its base, saved whole, and converted to CTranslate2.

An adapter trained upon a 4-bit or 8-bit base is merged into that base made float again, the
weights it was trained upon; merging into the original weights, or in 4 bits, gives another model.
Before and after are compared by logits and by generated answers.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..engines.loading import (
    BaseModel,
    LoadedModel,
    adapter_base,
    attach_adapter,
    greedy,
    is_adapter,
    load_base,
    load_config,
    load_model,
    quiet_libraries,
)
from ..engines.model_files import model_folder, read_style, write_style
from ..engines.stops import folder_settings, model_stops, stop_ids
from ..engines.tokens import answer_text, prompt_ids
from ..errors import ConfigError, ModelError
from ..prompts.messages import Prompt
from ..prompts.prompt import STYLE_FILE
from .examples import TrainingRecord
from .sample import Sample, find_sample

CT2_TYPES = ("float32", "float16", "bfloat16", "int8", "int8_float32", "int8_float16", "int16")
_BESIDE = ("chat_template.jinja", "chat_template.json", "README.md")
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
# Prompts answered together.
_BATCH = 8


@dataclass(frozen=True)
class ExportReport:
    """What was written and how it differs from what was trained.

    `logits` is the greatest difference of next-token logits on the sample prompts and `scale`
    the greatest logit; `same_answers` of `prompts` greedy answers are equal, before conversion
    and (`ct2_same_answers`, None without one) after it. `f1` has the strict F1 of the answers
    before export, after merging and after conversion, as far as the prompts have right answers.
    """

    folder: Path
    logits: float
    scale: float
    prompts: int
    same_answers: int
    ct2_same_answers: int | None
    dtype: str = ""
    ct2: str | None = None
    f1: tuple[float | None, ...] = ()

    def lines(self) -> list[str]:
        """Return the report as lines for people."""
        result = [
            f"greatest logit difference {self.logits:.2e} (greatest logit {self.scale:.2e})",
            f"{self.same_answers} of {self.prompts} answers are the same",
        ]
        if self.ct2_same_answers is not None:
            result.append(
                f"CTranslate2: {self.ct2_same_answers} of {self.prompts} answers are the same"
            )
        if self.dtype:
            result.append(f"weights are {self.dtype}, as those of the source")
        if self.f1 and None not in self.f1:
            names = ("before", "merged", f"as {self.ct2}")
            told = ", ".join(f"{name} {f1:.3f}" for name, f1 in zip(names, self.f1, strict=False))
            result.append(f"F1 on the {self.prompts} records: {told}")
        else:
            result.append("F1 was not measured: name records with their answers by --verify")
        return result


def export_model(
    source: str | Path,
    output: str | Path,
    *,
    ct2: str | None = None,
    prompts: Sequence[Prompt] = (),
    verify: str | Path | None = None,
    schema: str | None = None,
    trust_remote_code: bool = False,
    force: bool = False,
) -> ExportReport:
    """Write a whole model from an adapter, a run folder or a model, as CTranslate2 if `ct2`.

    Tokenizer, generation settings and `chinchilla.json` go with it. `prompts` are compared before
    and after; by default those of the records in the file `verify`, whose answers `schema` reads (None:
    the built-in one of each record's source), else those that the run kept, else invented ones.

    Raises:
        ConfigError: unknown `ct2` type, or the output exists.
        ModelError: what the source is cannot be merged or converted, with the reason.
    """
    run, source, output = Path(source), model_folder(source), Path(output)
    if ct2 is not None and ct2 not in CT2_TYPES:
        raise ConfigError(f"unknown type {ct2!r} for --ct2; use {', '.join(CT2_TYPES)}")
    _check_output(output, force=force)
    style = read_style(source)
    sample = find_sample(run, verify, schema, style)
    if prompts:
        records = [TrainingRecord(p.instruction, "", p.input) for p in prompts]
        sample = Sample(records, style, None)
    asked = sample.prompts
    _check_mergeable(source)
    before = load_model(str(source), trust_remote_code=trust_remote_code)
    if ct2:
        _check_convertible(before.model.config)
    seq2seq, tokenizer = before.seq2seq, before.tokenizer
    most = sample.answer_tokens(tokenizer)
    reference = _observe(before, asked, most)
    del before
    with TemporaryDirectory(dir=output.parent if output.parent.is_dir() else None) as scratch:
        whole = Path(scratch) / "whole"
        dtype = _write_whole(source, whole, tokenizer, trust_remote_code=trust_remote_code)
        after = _observe(load_model(str(whole), trust_remote_code=trust_remote_code), asked, most)
        result = whole
        converted = None
        if ct2:
            result = Path(scratch) / "ct2"
            convert(whole, result, ct2)
            converted = _ct2_answers(result, tokenizer, asked, most, seq2seq=seq2seq)
        if output.exists():
            shutil.rmtree(output)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(result), str(output))
    answers = [reference.answers, after.answers, *([converted] if converted is not None else [])]
    report = _report(output, reference, after, converted)
    f1 = tuple(sample.f1(part) for part in answers)
    return replace(report, dtype=dtype, ct2=ct2, f1=f1)


def convert(model: Path, output: Path, quantisation: str) -> None:
    """Convert a saved model to CTranslate2, with what inference needs beside it.

    Raises:
        ModelError: CTranslate2 has no converter for it.
    """
    from ctranslate2.converters import TransformersConverter

    with quiet_libraries(), _patched_loaders():
        try:
            TransformersConverter(str(model)).convert(str(output), quantization=quantisation)
        except (ValueError, KeyError, AttributeError, NotImplementedError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(f"{model}: CTranslate2 cannot convert it ({reason})") from None
    for name in (*_BESIDE, *_TOKENIZER, "generation_config.json"):
        if (model / name).is_file():
            shutil.copy2(model / name, output / name)
    _copy_style(model, output)


def _check_output(output: Path, *, force: bool) -> None:
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    # Replaced as a whole: never a folder that holds anything but a model.
    if not (output / "config.json").is_file():
        raise ConfigError(f"{output}: exists and is no model folder; name another")
    if not force:
        raise ConfigError(f"{output}: exists; pass --force to overwrite it")


def _check_mergeable(source: Path) -> None:
    """Refuse adapters that are no change of weights."""
    if (source / "bottleneck.json").is_file():
        raise ModelError(
            f"{source}: bottleneck adapters are layers of their own and cannot be merged; "
            "use the folder as it is with the transformers engine"
        )
    settings = source / "adapter_config.json"
    if settings.is_file():
        kind = json.loads(settings.read_text(encoding="utf-8")).get("peft_type")
        if kind in ("PREFIX_TUNING", "P_TUNING", "PROMPT_TUNING"):
            raise ModelError(
                f"{source}: {kind.lower().replace('_', ' ')} learns virtual tokens, not weights, "
                "and cannot be merged; use the folder as it is with the transformers engine"
            )


def _check_convertible(config: Any) -> None:
    from ctranslate2.converters import transformers as converters

    architectures = config.architectures or [type(config).__name__]
    known = {name.removesuffix("Config").lower() for name in converters._MODEL_LOADERS}
    name = type(config).__name__
    if name not in converters._MODEL_LOADERS:
        raise ModelError(
            f"CTranslate2 has no converter for {architectures[0]} ({config.model_type!r}); it has "
            f"{', '.join(sorted(known))}. Without --ct2 the merged model is saved for the "
            "transformers engine, vLLM and others"
        )


def _write_whole(source: Path, folder: Path, tokenizer: Any, *, trust_remote_code: bool) -> str:
    """Write the merged model and return the type of its weights."""
    model = _merged(source, tokenizer, trust_remote_code=trust_remote_code)
    model.config.use_cache = True
    dtype = _stored_dtype(source, trust_remote_code=trust_remote_code)
    if dtype is not None:
        model = model.to(dtype)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    settings = model.generation_config
    # Greedy, without the penalties that forbid naming a thing twice.
    settings.update(do_sample=False, temperature=None, top_p=None, top_k=None)
    settings.update(repetition_penalty=None, no_repeat_ngram_size=None)
    stops = model_stops(model, tokenizer)
    settings.eos_token_id = stops if len(stops) > 1 else next(iter(stops), None)
    settings.pad_token_id = tokenizer.pad_token_id
    settings.save_pretrained(folder)
    for name in _BESIDE:
        if (source / name).is_file() and not (folder / name).exists():
            shutil.copy2(source / name, folder / name)
    _copy_style(source, folder)
    return str(model.dtype).removeprefix("torch.")


def _stored_dtype(source: Path, *, trust_remote_code: bool) -> Any:
    """Return the float type in which a model, or the base of an adapter, is stored.

    It was loaded in another where the machine does not compute in it.
    """
    import torch

    base = BaseModel(str(source), trust_remote_code=trust_remote_code)
    if is_adapter(source):
        base = adapter_base(source, trust_remote_code=trust_remote_code)
    told: Any = getattr(load_config(base), "dtype", None)
    told = getattr(torch, told, None) if isinstance(told, str) else told
    return told if told is not None and told.is_floating_point else None


def _copy_style(source: Path, folder: Path) -> None:
    """Copy how a model is asked."""
    if (source / STYLE_FILE).is_file():
        write_style(read_style(source), folder)


def _merged(source: Path, tokenizer: Any, *, trust_remote_code: bool) -> Any:
    if not is_adapter(source):
        model = load_model(str(source), trust_remote_code=trust_remote_code).model
        return model
    base = adapter_base(source, trust_remote_code=trust_remote_code)
    model = load_base(base)
    if base.quantisation != "none":
        # Made float first: merging in 4 bits rounds the adapter away.
        with quiet_libraries():
            model = model.dequantize()
        model.config.quantization_config = None
        del model.config.quantization_config
    return attach_adapter(model, str(source), tokenizer).merge_and_unload()


@dataclass(frozen=True)
class _Observation:
    logits: list[Any]
    answers: list[str]


def _observe(loaded: LoadedModel, prompts: Sequence[Prompt], most: int) -> _Observation:
    """Return next-token logits and greedy answers."""
    import torch

    _place(loaded.model)
    logits, answers = [], []
    asked = [prompt_ids(loaded.tokenizer, prompt, seq2seq=loaded.seq2seq) for prompt in prompts]
    device = loaded.model.get_input_embeddings().weight.device
    for ids in asked:
        inputs = {"input_ids": torch.tensor([ids], device=device)}
        if loaded.seq2seq:
            start = loaded.model.config.decoder_start_token_id
            inputs["decoder_input_ids"] = torch.tensor([[start]], device=device)
        with torch.no_grad():
            logits.append(loaded.model(**inputs).logits[0, -1].float().cpu())
    stops = model_stops(loaded.model, loaded.tokenizer)
    for at in range(0, len(asked), _BATCH):
        new = greedy(loaded.model, loaded.tokenizer, asked[at : at + _BATCH], most)
        answers += [answer_text(loaded.tokenizer, row, stops) for row in new]
    return _Observation(logits, answers)


def _place(model: Any) -> None:
    """Move a model to the accelerator, if there is one with room for it."""
    import torch

    if not torch.cuda.is_available() or getattr(model, "hf_device_map", None):
        return
    try:
        model.to("cuda")
    except torch.OutOfMemoryError:
        model.to("cpu")


def _ct2_answers(
    folder: Path, tokenizer: Any, prompts: Sequence[Prompt], most: int, *, seq2seq: bool
) -> list[str]:
    import ctranslate2

    asked = [
        tokenizer.convert_ids_to_tokens(prompt_ids(tokenizer, prompt, seq2seq=seq2seq))
        for prompt in prompts
    ]
    stops = stop_ids(tokenizer, *folder_settings(folder))
    ends = tokenizer.convert_ids_to_tokens(stops)
    if seq2seq:
        translator = ctranslate2.Translator(str(folder), intra_threads=1)
        found = translator.translate_batch(
            asked,
            beam_size=1,
            max_decoding_length=most,
            max_input_length=0,
            end_token=ends,
        )
        rows = [result.hypotheses[0] for result in found]
    else:
        generator = ctranslate2.Generator(str(folder), intra_threads=1)
        found = generator.generate_batch(
            asked,
            beam_size=1,
            max_length=most,
            include_prompt_in_result=False,
            end_token=ends,
        )
        rows = [result.sequences[0] for result in found]
    return [answer_text(tokenizer, tokenizer.convert_tokens_to_ids(row), stops) for row in rows]


def _report(
    folder: Path, before: _Observation, after: _Observation, converted: list[str] | None
) -> ExportReport:
    pairs = list(zip(before.logits, after.logits, strict=True))
    # A base with more rows than the tokenizer may be saved with fewer.
    difference = max(float((a[: len(b)] - b[: len(a)]).abs().max()) for a, b in pairs)
    scale = max(float(a.abs().max()) for a, _ in pairs)
    same = sum(a == b for a, b in zip(before.answers, after.answers, strict=True))
    ct2_same = None
    if converted is not None:
        ct2_same = sum(a == b for a, b in zip(after.answers, converted, strict=True))
    return ExportReport(folder, difference, scale, len(pairs), same, ct2_same)


@contextmanager
def _patched_loaders() -> Iterator[None]:
    """Make T5 1.1 and mT5 score right: transformers 5 moved the flag that CTranslate2 reads.

    `tie_word_embeddings` is always true there, and CTranslate2 4.8 takes it to mean that logits
    are scaled, which `scale_decoder_outputs` says now (mT5 has none and never scales). Greedy
    answers are right without this, their probabilities are not.
    """
    from ctranslate2.converters import transformers as converters

    def patched(loader: Any) -> Any:
        class Patched(type(loader)):  # type: ignore[misc]
            def get_model_spec(self, model: Any) -> Any:
                kept = model.config.tie_word_embeddings
                scaled = getattr(model.config, "scale_decoder_outputs", False)
                model.config.tie_word_embeddings = bool(scaled)
                try:
                    return super().get_model_spec(model)
                finally:
                    model.config.tie_word_embeddings = kept

        return Patched()

    loaders = converters._MODEL_LOADERS
    kept = {name: loaders[name] for name in ("T5Config", "MT5Config") if name in loaders}
    loaders.update({name: patched(loader) for name, loader in kept.items()})
    try:
        yield
    finally:
        loaders.update(kept)
