"""Prints the results of the benchmark, and writes them as JSON."""

import contextlib
import json
import pathlib
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from serving.load import Result


class Results:
    """A line for each result, on stdout and as JSON in a file.

    Args:
        stack: Closes the file.
        path: File to write; `None` for none.
    """

    def __init__(self, stack: contextlib.ExitStack, path: str | None) -> None:
        self._file: TextIO | None = None
        if path:
            self._file = stack.enter_context(
                pathlib.Path(path).open("w", encoding="utf-8")
            )

    def line(self, text: str, **values: object) -> None:
        """Prints `text`; `values` are the JSON of it."""
        print(text, flush=True)
        if self._file:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()

    def overhead(
        self, kind: str, size: int, what: str, server: float, bare: float
    ) -> None:
        """Tells seconds of a call by the server and by the bare signature."""
        self.line(
            f"{kind:8}{size:5}  {what} overhead {server / bare - 1:6.1%}: "
            f"{1000 * server:.1f} ms by the server, {1000 * bare:.1f} ms bare",
            kind=kind,
            size=size,
            what=what,
            server=server,
            bare=bare,
        )

    def loop(self, kind: str, size: int, load: str, result: "Result") -> None:
        """Tells the latencies and the throughput under a load."""
        percentiles = {f"p{p}": result.percentile(p) for p in (50, 95, 99)}
        times = "  ".join(
            f"{name} {1000 * seconds:7.1f} ms"
            for name, seconds in percentiles.items()
        )
        errors = f"  {result.errors}" if result.errors else ""
        self.line(
            f"{kind:8}{size:5}  {load:10}  {times}  "
            f"{result.throughput:7.2f} per second{errors}",
            kind=kind,
            size=size,
            load=load,
            throughput=result.throughput,
            errors=result.errors,
            **percentiles,
        )
