"""Training configurations: YAML and `section.key=value` overrides into a `TrainConfig`."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import msgspec
import yaml

from ..data.configuration import read_configuration
from .checks import mistakes
from .config import TrainConfig


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read a YAML file, apply `section.key=value` overrides and check everything.

    Relative paths in the file are relative to the working directory, as on the command line.

    Raises:
        ConfigError: one line for each mistake: unknown key, wrong type or value, missing file,
            combination that cannot work.
    """
    return read_configuration(
        path, TrainConfig, overrides=overrides, examples="configs/train", check=mistakes
    )


def config_to_yaml(config: TrainConfig) -> str:
    """Return the resolved configuration as YAML that `read_config` reads back."""
    plain = msgspec.to_builtins(asdict(config))
    text: str = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    return text
