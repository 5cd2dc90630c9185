"""What an extra of the distribution installs, told in one line where it is missing."""

from collections.abc import Sequence
from importlib.util import find_spec

from ..errors import ModelError


def require_extra(purpose: str, extra: str, packages: Sequence[str]) -> None:
    """Raise an error that says what to install, if a package of an extra is missing.

    Nothing is imported.

    Raises:
        ModelError: names the extra and the packages.
    """
    missing = [name for name in packages if not _is_there(name)]
    if missing:
        raise ModelError(
            f"{purpose} needs pip install 'chinchilla-ie[{extra}]' (missing: {', '.join(missing)})"
        )


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ValueError:
        # Taken out of sys.modules by a None in its place.
        return False
