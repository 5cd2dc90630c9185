"""Corpus files to lines of documents, by one process or by several that share the lines.

Each process runs the converter over all files, but decodes only its share of the batches of lines
(`source.Share`); what it makes of a batch comes back with the number of the batch, and batches are
put in order. So the output, and the report, are those of one process, whatever their number.
"""

import heapq
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from chinchilla.converters.registry import is_linewise, read
from chinchilla.converters.report import Report
from chinchilla.converters.source import Share, Trial, take_share
from chinchilla.errors import ChinchillaError, ConfigError
from chinchilla.files.jsonl import encode_batches

_Ending = tuple[Report, list[tuple[str, int, int, str, str]]]


def convert(
    name: str,
    paths: Iterable[str | Path],
    *,
    report: Report | None = None,
    workers: int = 1,
    **options: Any,
) -> Iterator[bytes]:
    """Yield the documents of corpus files as JSON lines, several at a time; see `registry.read`.

    Only files of JSON lines can be shared among `workers`; others, standard input and foreign
    converters are read by one process.

    Raises:
        InputError, ConfigError: as `registry.read` does.
        ChinchillaError: a worker process ended early.
    """
    files = [str(path) for path in paths]
    report = Report() if report is None else report
    corpus = name if is_linewise(name) else name.replace("_", "-")
    if workers < 1:
        raise ConfigError(f"workers is {workers}; expected 1 or more")
    if workers == 1 or not is_linewise(corpus) or "-" in files:
        return (lines for _, lines in encode_batches(read(name, files, report=report, **options)))
    # Options that are wrong are told before any process is started.
    read(corpus, files, **options)
    report.name = str(options.get("source", corpus))
    return _together(corpus, files, report, workers, options)


def _together(
    name: str, paths: list[str], report: Report, workers: int, options: dict[str, Any]
) -> Iterator[bytes]:
    # Not fork: threads of the parent may hold locks in the child.
    context = get_context("spawn")
    blank = Report(strict=report.strict, check_keys=report.check_keys)
    job = (name, paths, blank, options)
    connections, processes = [], []
    endings: list[_Ending] = []
    try:
        for number in range(workers):
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(there, number, workers, job), daemon=True)
            process.start()
            there.close()
            connections.append(here)
            processes.append(process)
        # Pipes hold a few batches and then make the writer wait, so memory stays small.
        for _, lines in heapq.merge(*(_batches(one, endings) for one in connections)):
            yield lines
    finally:
        for process in processes:
            process.terminate()
            process.join()
        for connection in connections:
            connection.close()
    _conclude(paths, report, endings)


def _batches(connection: Connection, endings: list[_Ending]) -> Iterator[tuple[int, bytes]]:
    while True:
        try:
            message = connection.recv()
        except EOFError:
            raise ChinchillaError(
                "a worker process ended early, perhaps for want of memory; try fewer --workers"
            ) from None
        if isinstance(message, ChinchillaError):
            raise message
        if isinstance(message[0], Report):
            endings.append(message)
            return
        yield message


def _work(
    connection: Connection,
    number: int,
    workers: int,
    job: tuple[str, list[str], Report, dict[str, Any]],
) -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name, paths, report, options = job
    share = Share(number, workers)
    take_share(share)
    try:
        with closing(connection):
            try:
                documents = read(name, paths, report=report, **options)
                # The key is asked when a document has just been read, so it is that of its batch.
                for at, batch in groupby(documents, lambda _: share.at):
                    lines = b"".join(lines for _, lines in encode_batches(batch))
                    connection.send((at, lines))
                connection.send((report, share.trials))
            except ChinchillaError as error:
                connection.send(error)
    except BrokenPipeError:
        # The first process has stopped, and nobody waits for the rest.
        return


def _conclude(paths: list[str], report: Report, endings: list[_Ending]) -> None:
    """Add up the reports, and judge each file by all shares of it."""
    order = {path: i for i, path in reversed(list(enumerate(paths)))}
    for theirs, _ in endings:
        report.merge(theirs, order)
    for shares in zip(*(trials for _, trials in endings), strict=True):
        path, *_, expected = shares[0]
        trial = Trial(path, report, expected)
        trial.good = sum(share[1] for share in shares)
        trial.bad = sum(share[2] for share in shares)
        faults = [share[3] for share in shares if share[3]]
        trial.first = min(
            faults, key=lambda fault: int(fault[len(path) + 1 :].split(":")[0]), default=""
        )
        trial.close()
