"""What decides about the answers of a run, for one that goes on from it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Any

from ..data.schema import Schema
from ..engines.endpoint import shown_address
from ..engines.model_files import named_style
from ..engines.open import MINI
from ..engines.protocol import Engine
from ..options import ExtractOptions


def describe_asked(
    model: str | Path | Engine | None,
    schema: Schema,
    tasks: Sequence[str],
    options: ExtractOptions,
    opening: dict[str, Any],
) -> dict[str, Any]:
    """Return the model, the schema and the options in JSON's types, without secrets.

    `opening` holds further arguments of `engines.open.open_engine`.
    """
    from .. import __version__

    told = asdict(replace(options, examples=None))
    told["examples"] = options.examples.digest if options.examples else None
    if options.lexicon:
        told["lexicon"] = blake2b(repr(options.lexicon).encode()).hexdigest()
    is_name = model is None or isinstance(model, str | Path)
    asked = {
        "version": __version__,
        "model": shown_address(str(model or MINI)) if is_name else model.name,  # type: ignore[union-attr]
        "weights": _weights(str(model or MINI)) if is_name else "",
        "schema": schema.to_dict(),
        "tasks": tasks,
        **told,
        **opening,
    }
    if opening.get("style"):
        asked["style"] = named_style(str(opening["style"])).to_dict()
    if "http" in opening:
        # How fast an endpoint is asked decides nothing.
        body = json.dumps(dict(opening["http"].extra_body), sort_keys=True)
        asked["http"] = {
            "thinking": opening["http"].thinking,
            # It may hold a secret: another one is seen by its hash.
            "extra_body": blake2b(body.encode(), digest_size=16).hexdigest(),
        }
    plain: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return plain


def fingerprint(asked: Any) -> str:
    """Return a short hash of plain data."""
    text = json.dumps(asked, sort_keys=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _weights(model: str) -> str:
    """Return what changes when the files of a model in a folder do."""
    is_ours = model == MINI
    folder = Path(str(resources.files("chinchilla").joinpath("mini"))) if is_ours else Path(model)
    if not folder.is_dir():
        return ""
    digest = blake2b(digest_size=8)
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if is_ours and path.suffix in (".bin", ".weights"):
            # Installed anew it has other times.
            digest.update(path.read_bytes())
        elif not is_ours:
            found = path.stat()
            digest.update(repr((path.name, found.st_size, found.st_mtime_ns)).encode())
    return digest.hexdigest()
