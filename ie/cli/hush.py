"""What `--quiet` keeps libraries from: their warnings, log lines and progress bars."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Read by libraries when they are imported, or when they begin.
_SILENT = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


@contextmanager
def hushed() -> Iterator[None]:
    """Show no warnings, logs below an error or bars of libraries; those of worker processes neither.

    What a user sets in the environment goes before it. All is as before at the end.
    """
    added = {name: value for name, value in _SILENT.items() if name not in os.environ}
    if "PYTHONWARNINGS" not in os.environ:
        added["PYTHONWARNINGS"] = "ignore"
    level = logging.root.manager.disable
    os.environ.update(added)
    logging.disable(max(level, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        for name in added:
            os.environ.pop(name, None)
