"""Read a YAML file that a user wrote, with errors that name the file and the line."""

from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError


def read_yaml(where: str | Path, examples: str) -> Any:
    """Return what the file holds; `examples` is the folder that a missing file's error names.

    Raises:
        ConfigError: the file is missing, cannot be read or is not valid YAML.
    """
    try:
        return yaml.safe_load(Path(where).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{where}: no such file; see {examples} for examples") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        detail = getattr(error, "problem", None) or error
        raise ConfigError(f"{where}{line}: not valid YAML ({detail})") from None
