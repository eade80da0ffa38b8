"""Stylizes one photograph or a folder of them, for the client programs.

A style is embedded once for a folder. Several threads read and send the
photographs; results are written as they arrive.
"""

import multiprocessing.pool
import os
import pathlib
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from serving import pictures
from serving.style_client import ServingError

_FAILURES = (ServingError, ValueError, OSError)


class Job(NamedTuple):
    """A photograph and the file for its result."""

    content: pathlib.Path
    output: pathlib.Path


def plan(content: str, output: str, style: str) -> list[Job]:
    """Pairs the photographs of --content with the files of --output.

    Both are files, or both are folders; subfolders stay.

    Raises:
        FileNotFoundError: There is no such photograph.
        ValueError: The folder has no photographs; the output is a file, or
            named like one, where it must be a folder; its format is unknown;
            a photograph, the style, or a file in the folder that is no result
            of the clients would be overwritten; or two results have the same
            name.
    """
    jobs = _jobs(content, output)
    _check_kept(jobs, style)
    named = pathlib.Path(output)
    _check_ours(job.output for job in jobs if job.output != named)
    return jobs


def paint(
    client: Any,
    jobs: list[Job],
    style: str,
    *,
    strength: float,
    size: int | None,
    style_size: int | None,
    parallel: int,
    say: Callable[[str], None],
    complain: Callable[[str], None],
    note: Callable[[str], None],
) -> int:
    """Stylizes all photographs; a failure does not stop the others.

    Args:
        client: A `StyleClient` or `RestStyleClient`.
        jobs: Result of `plan`.
        style: File of the style.
        strength: Strength of the style, in [0, 1].
        size: Longest side of photographs, in pixels; larger ones are reduced.
        style_size: Longest side of the style, in pixels.
        parallel: Largest number of requests at a time.
        say: Function that receives a line for each result.
        complain: Function that receives a line for each failure.
        note: Function that receives a line about what is lost.

    Returns:
        The number of failures.
    """
    picture = pictures.read(style, style_size)
    if len(jobs) > 1:
        embedding = client.embed_style(picture)

    clear: list[pathlib.Path] = []

    def ask(job: Job) -> tuple[Job, Any, float]:
        begin = time.monotonic()
        try:
            content = pictures.read(job.content, size)
            if pictures.is_transparent(content):
                clear.append(job.content)
            if len(jobs) > 1:
                result = client.apply_style(content, embedding, strength)
            else:
                result = client.stylize(content, picture, strength)
        except _FAILURES as error:
            return job, error, begin
        return job, result, begin

    failures = 0
    threads = min(parallel, len(jobs))
    # Its threads are daemons, so that Ctrl-C ends the process at once.
    with multiprocessing.pool.ThreadPool(threads) as pool:
        for job, result, begin in pool.imap_unordered(ask, jobs):
            try:
                if isinstance(result, Exception):
                    raise result
                os.makedirs(job.output.parent, exist_ok=True)
                pictures.write(job.output, result)
                say(f"{job.output}: after {time.monotonic() - begin:.1f} s")
            except _FAILURES as error:
                failures += 1
                complain(f"{job.content}: {error}")
    if clear:
        note(
            f"the server returns no transparency, which '{min(clear)}' has. "
            f"Such photographs: {len(clear)}"
        )
    return failures


def _jobs(content: str, output: str) -> list[Job]:
    source, target = pathlib.Path(content), pathlib.Path(output)
    if not source.is_dir():
        if not source.exists():
            pictures.check_no_address(content)
            raise FileNotFoundError(f"There is no photograph '{content}'.")
        if target.is_dir():
            return [Job(source, target / _name(source))]
        pictures.check_output(target)
        return [Job(source, target)]
    if target.exists() and not target.is_dir():
        raise ValueError(
            f"--content is a folder, so --output must be one, too. "
            f"Received the file '{output}'"
        )
    if target.suffix.lower() in pictures.FORMATS and not target.exists():
        raise ValueError(
            f"'{content}' may be several photographs, but '{output}' is named "
            "as one picture. Name a folder."
        )
    inner, outer = map(os.path.realpath, (target, source))
    if pathlib.Path(inner).is_relative_to(outer):
        raise ValueError(
            "--output must be another folder than --content, and not inside "
            f"it. Received: '{output}'"
        )
    jobs = [
        Job(path, target / path.relative_to(source).with_name(_name(path)))
        for path in pictures.find(source)
    ]
    if not jobs:
        raise ValueError(f"There are no images in the folder '{content}'.")
    return jobs


def _check_kept(jobs: list[Job], style: str) -> None:
    """Raises `ValueError` where an output would replace a file of this run."""
    kept = {os.path.realpath(job.content): job.content for job in jobs}
    style_place = os.path.realpath(style)
    taken: dict[pathlib.Path, pathlib.Path] = {}
    for job in jobs:
        place = os.path.realpath(job.output)
        if place in kept:
            raise ValueError(
                f"'{kept[place]}' would be written over. Give another output."
            )
        if place == style_place:
            raise ValueError(
                f"The output '{job.output}' is the style, too. Give another "
                "name."
            )
        other = taken.setdefault(job.output, job.content)
        if other != job.content:
            raise ValueError(
                f"'{other}' and '{job.content}' would both become "
                f"'{job.output}'. Rename one of them."
            )


def _check_ours(outputs: Iterable[pathlib.Path]) -> None:
    """Raises `ValueError` where a file is that the clients did not write."""
    for path in outputs:
        if path.is_file() and not pictures.is_ours(path):
            raise ValueError(
                f"'{path}' is there and was not written by this client. Give "
                "another output."
            )


def _name(path: pathlib.Path) -> str:
    """Returns the result's name; its suffix tells a.jpg and a.png apart."""
    known = path.suffix.lower() in pictures.FORMATS
    return path.name if known else f"{path.name}.png"
