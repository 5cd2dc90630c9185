"""What `train --check` looks at: everything that can be known before weights are loaded."""

from collections.abc import Iterator

from ..engines.tokens import load_tokenizer
from ..errors import ModelError
from .base import base_of, check_architecture
from .config import TrainConfig
from .loop import data_line, total_steps


def preview(config: TrainConfig) -> Iterator[str]:
    """Yield a line for each thing checked; the configuration was checked when it was read.

    Raises:
        ConfigError: method, data and model do not go together.
        InputError: a record is malformed, or too many are too long.
    """
    yield f"configuration: {config.method} on {config.model.base}, into {config.output}"
    from .dataset import read_data
    from .vocabulary import add_tokens

    try:
        source = base_of(config)
        seq2seq, packed = check_architecture(config, source)
        tokenizer = load_tokenizer(config.model.base, trust_remote_code=source.trust_remote_code)
    except ModelError as error:
        yield f"not checked: lengths, rows and steps, as the base model cannot be read ({error})"
        return
    if config.model.added_tokens:
        add_tokens(tokenizer, config.model.added_tokens)
    data = read_data(config, tokenizer, seq2seq=seq2seq, packed=packed)
    yield f"records: {data_line(data)}"
    style = data.style
    yield f"prompts: template {style.template}, answers {style.format}"
    labels, sources = data.subjects(range(len(data.train)))
    yield f"sources: {', '.join(sorted(sources))}; {len(labels)} labels"
    yield f"steps: {total_steps(config, len(data.train), 1):,} with one process"
    yield "all is well"
