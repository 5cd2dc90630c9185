"""A run over a corpus: every document once, whatever stops it.

    RUN/manifest.sqlite   what was asked, and which shards are done
    RUN/shards/           documents with annotations, in the order of the inputs
    RUN/failures.jsonl    what is wrong with documents; written at the end, as is
    RUN/report.json       what the run holds
    RUN/page.html         the same to look at, with the first documents

A shard's file is on the disk before the manifest says so. What stops in between is done again, and comes
out the same: shards are cut alike each time, and an answer depends on its shard alone.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ..data.documents import Document
from ..errors import ConfigError, InputError, ModelError
from ..files.inputs import ReadOptions
from ..files.jsonl import dumps
from ..files.progress import Advance, uncounted
from ..files.resumable import differences, lock_file
from .asked import describe_asked, fingerprint
from .disk import sync_folder, write_whole
from .local import answer_here, answer_in_processes
from .manifest import MANIFEST, Manifest, Written
from .on_ray import answer_on_ray
from .reading import SHARDS, is_run
from .run_page import FAILURES_SHOWN, run_page
from .scan import expected_documents, input_differences, inputs_digest, scan_inputs
from .shard_files import FORMS, check_form, read_shard, shard_name
from .shards import BLANK, FailedText, Shard, cut_shards, read_corpus
from .work import Answered, Recipe

LOCK, FAILURES, REPORT, PAGE = "lock", "failures.jsonl", "report.json", "page.html"
ENGINES = ("local", "ray")
# A shard of so many documents none of which is answered stops the run: the engine is down.
_ENGINE_IS_DOWN = 20


@dataclass(frozen=True)
class RunOptions:
    """How a run is done.

    Args:
        shard_size: documents of a shard.
        form: of the shards, `jsonl` or `parquet`.
        workers: processes that hold the model; None is this one, on Ray as many as the cluster holds.
        engine: `local` or `ray`.
        gpus: of each worker on Ray.
        strict: stop at the first document with which something is wrong.

    Raises:
        ConfigError: an option is wrong, or has no effect.
        ModelError: Parquet is not installed.
    """

    shard_size: int = 1000
    form: str = "jsonl"
    workers: int | None = None
    engine: str = "local"
    gpus: float = 0
    strict: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (("form", self.form, FORMS), ("engine", self.engine, ENGINES)):
            if value not in known:
                raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(known)}")
        for name, least in (("shard_size", 1), ("workers", 1), ("gpus", 0)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise ConfigError(f"{name} is {number}; expected at least {least}")
        if self.gpus and self.engine != "ray":
            raise ConfigError(
                "gpus are for the engine ray; on one machine set CUDA_VISIBLE_DEVICES"
            )
        check_form(self.form)


def _tell_nobody(note: str) -> None:
    pass


@dataclass(frozen=True)
class Run:
    """What a run is to do, and whom it tells.

    Args:
        folder: is made if it is not there.
        files: as of `files.inputs.find_inputs`; those below the folder are left out.
        recipe: how texts are asked about.
        reading: how files are read.
        options: see `RunOptions`.
        told: gets notes for a person.
        show: gets how many documents there seem to be, and gives what counts those that are done.
    """

    folder: Path
    files: Sequence[str]
    recipe: Recipe
    reading: ReadOptions = field(default_factory=ReadOptions)
    options: RunOptions = field(default_factory=RunOptions)
    told: Callable[[str], None] = _tell_nobody
    show: Callable[[int | None], AbstractContextManager[Advance]] = lambda _: uncounted()

    def __call__(
        self, *, resume: bool = False, retry_failed: bool = False, force: bool = False
    ) -> dict[str, Any]:
        """Do what is not done, and return the report.

        Args:
            resume: go on from a run that did not finish.
            retry_failed: so too, and do again the shards with documents that the engine failed on.
            force: begin anew, whatever the folder holds of a run.

        Raises:
            InputError: the folder holds another run, or other things; an input cannot be read and
                `strict` is set; the inputs are not those of before.
            ModelError: the model cannot be loaded, or answers nothing.
            ChinchillaError, OSError: the disk is full.
        """
        with (
            _locked(self.folder),
            closing(self._manifest(resume or retry_failed, force)) as manifest,
        ):
            if retry_failed and manifest.retry():
                self.told("asking again the shards with documents that the engine failed on")
            report = manifest.report()
            if report is not None:
                self.told(f"{self.folder}: is complete already; there is nothing to do")
                return report
            with self.show(expected_documents(manifest.inputs())) as advance:
                self._answer(manifest, advance)
            return self._finish(manifest)

    def _files(self) -> list[str]:
        root = self.folder.resolve()
        # What a run before wrote into a folder that is read is no input.
        return [
            name for name in self.files if name == "-" or root not in Path(name).resolve().parents
        ]

    def _asked(self) -> dict[str, Any]:
        recipe, reading, options = self.recipe, self.reading, self.options
        return {
            **describe_asked(
                recipe.model,
                recipe.schema,  # type: ignore[arg-type]
                recipe.tasks,  # type: ignore[arg-type]
                recipe.options,
                recipe.opening,
            ),
            "shard size": options.shard_size,
            "shard format": options.form,
            "lines": reading.lines,
            "column": reading.column,
            "title column": reading.title,
            "encoding": reading.encoding,
        }

    def _manifest(self, resumes: bool, force: bool) -> Manifest:
        """Return the manifest, checked if it was there, else begun."""
        if force and is_run(self.folder):
            _empty(self.folder)
        (self.folder / SHARDS).mkdir(exist_ok=True)
        manifest = Manifest(self.folder / MANIFEST)
        try:
            before = manifest.asked()
            if before is None:
                sync_folder(self.folder)
                manifest.begin(self._asked(), scan_inputs(self._files(), self.reading))
            elif not resumes:
                state = "finished" if manifest.report() else "unfinished"
                raise InputError(
                    f"{self.folder}: holds a run that is {state}; pass --resume to go on, "
                    "or --force to begin anew"
                )
            else:
                self._check_same(manifest, before)
        except BaseException:
            manifest.close()
            raise
        return manifest

    def _check_same(self, manifest: Manifest, before: dict[str, Any]) -> None:
        now = scan_inputs(self._files(), self.reading, manifest.inputs())
        found = [
            *differences(before, self._asked()),
            *input_differences(manifest.inputs(), now),
        ]
        if found:
            raise InputError(
                f"{self.folder}: cannot resume: the run before asked otherwise: {'; '.join(found)}. "
                "Ask the same, or begin anew with --force"
            )

    def _answer(self, manifest: Manifest, advance: Advance) -> None:
        options, form = self.options, self.options.form
        left = self._left(manifest, advance)
        if options.engine == "ray":
            answers = answer_on_ray(self.recipe, form, left, options.workers, options.gpus)
        elif (options.workers or 1) > 1:
            answers = answer_in_processes(self.recipe, form, left, options.workers or 1)
        else:
            answers = answer_here(self.recipe, form, left)
        said: set[str] = set()
        answered_shards = lost_shards = 0
        with closing(answers):  # type: ignore[type-var]
            for answered in answers:
                lost_shards += answered.is_lost
                answered_shards += not answered.is_lost
                self._check_answered(answered, all_lost=lost_shards > 1 and not answered_shards)
                for note in answered.notes:
                    if note not in said:
                        said.add(note)
                        self.told(f"warning: {note}")
                self._write(manifest, answered)
                advance(len(answered.shard.documents))

    def _left(self, manifest: Manifest, advance: Advance) -> Iterator[Shard]:
        """Yield the shards that are not done; those done must be of the same texts."""
        found: Iterable[Document | FailedText] = read_corpus(self._files(), self.reading, self.told)
        if self.options.strict:
            found = _strictly(found)
        number = -1
        for shard in cut_shards(found, self.options.shard_size):
            number = shard.number
            written = manifest.shard(number)
            if written is not None and written.digest != shard.digest:
                where = f"shard {number}" + (
                    f", {shard.documents[0].id!r}" if shard.documents else ""
                )
                raise InputError(
                    f"{self.folder}: cannot resume: the inputs read otherwise than before at {where}; "
                    "give the same inputs, or begin anew with --force"
                )
            if written is not None and written.state == "done" and self._is_whole(written):
                advance(len(shard.documents), before=True)
            else:
                yield shard
        if manifest.shard(number + 1) is not None:
            raise InputError(
                f"{self.folder}: cannot resume: the inputs hold less than before; give the same inputs, "
                "or begin anew with --force"
            )

    def _path(self, number: int) -> Path:
        return self.folder / SHARDS / shard_name(number, self.options.form)

    def _is_whole(self, written: Written) -> bool:
        path = self._path(written.number)
        return path.is_file() and path.stat().st_size == written.bytes

    def _check_answered(self, answered: Answered, *, all_lost: bool) -> None:
        """Stop where going on would only fail on."""
        asked = sum(1 for document in answered.shard.documents if document.text.strip())
        failed = [one for one in answered.failures if one.stage == "extract"]
        if failed and self.options.strict:
            raise ModelError(f"document {failed[0].document!r}: {failed[0].reason}")
        is_down = answered.failed == asked >= _ENGINE_IS_DOWN and not answered.is_lost
        if is_down or all_lost:
            raise ModelError(
                f"no document of shard {answered.shard.number} was answered: {failed[0].reason}"
            )

    def _write(self, manifest: Manifest, answered: Answered) -> None:
        number = answered.shard.number
        before = manifest.shard(number)
        if before is not None and self._is_whole(before) and before.failed < answered.failed:
            manifest.keep(number)
            return
        size = write_whole(self._path(number), [answered.content])
        written = Written(
            number,
            "done",
            len(answered.shard.documents),
            answered.shard.digest,
            size,
            answered.failed,
            answered.counts,
        )
        manifest.add(written, answered.failures)

    def _finish(self, manifest: Manifest) -> dict[str, Any]:
        """Write what is told at the end, and that it is the end."""
        asked = manifest.asked()
        report = {
            "fingerprint": fingerprint([asked, inputs_digest(manifest.inputs())]),
            **manifest.summary(),
        }
        lines = (dumps(one._asdict()).encode() + b"\n" for one in manifest.failures())
        write_whole(self.folder / FAILURES, lines)
        shown = json.dumps(report, ensure_ascii=False, indent=1) + "\n"
        write_whole(self.folder / REPORT, [shown.encode()])
        documents = (
            document
            for written in manifest.shards()
            for document in read_shard(self._path(written.number))
        )
        failures = list(islice(manifest.failures(), FAILURES_SHOWN))
        page = run_page("chinchilla extract", report, failures, documents)
        write_whole(self.folder / PAGE, page)
        manifest.finish(report)
        return report


def _strictly(found: Iterable[Document | FailedText]) -> Iterator[Document | FailedText]:
    for one in found:
        if isinstance(one, FailedText):
            name = "" if one.document is None else f"document {one.document!r}: "
            raise InputError(f"{name}{one.reason}")
        yield one


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make the folder, and take it for this run alone.

    Raises:
        InputError: it holds other things than a run, or another process runs in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{folder}: is a file; name a folder") from None
    ours = (MANIFEST, SHARDS, LOCK, FAILURES, REPORT, PAGE)
    others = [path.name for path in folder.iterdir() if not path.name.strip(".").startswith(ours)]
    if others and not is_run(folder):
        raise InputError(
            f"{folder}: holds other things than a run ({', '.join(sorted(others)[:3])}); "
            "name a new folder"
        )
    path = folder / LOCK
    with path.open("ab") as file:
        lock_file(file, path)
        yield


def _empty(folder: Path) -> None:
    """Delete what a run wrote into its folder; the manifest last, which makes it one."""
    shutil.rmtree(folder / SHARDS, ignore_errors=True)
    for name in (FAILURES, REPORT, PAGE, f"{MANIFEST}-journal", MANIFEST):
        (folder / name).unlink(missing_ok=True)


def is_blank_only(report: dict[str, Any]) -> bool:
    """Return whether nothing went wrong but that documents hold no text."""
    return not set(report["failures"]) - {BLANK, "parse"}
