"""Models of CTranslate2 in a forked process, which has none of their threads."""

import ctypes
import os
import weakref
from typing import Any

_HOLDERS: "weakref.WeakSet[Any]" = weakref.WeakSet()


def keep_at_fork(holder: Any) -> None:
    """Let a forked process leave alone the model in `holder.model`.

    To free it there would wait for its threads for ever, so that it is kept to the end. The holder loads
    its model anew in the child.
    """
    _HOLDERS.add(holder)


def _leave_alone() -> None:
    for holder in _HOLDERS:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(holder.model))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_alone)
