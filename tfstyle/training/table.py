"""Writes the losses of a training as a table of comma-separated values."""

import csv
import os
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np

from tfstyle.runtime import files
from tfstyle.runtime.progress import Progress
from tfstyle.runtime.types import Path


class Table:
    """Writes a row of comma-separated values for each step with losses.

    A context manager; rows are in the file when the call returns.

    Args:
        path: The file to write.
        losses: Names of the columns after step, seconds and memory.
        resume: Step at which the run resumes, or 0 for a new file. Later
            rows, whose steps are taken again, are dropped.
    """

    def __init__(
        self,
        path: Path,
        losses: Sequence[str],
        resume: int = 0,
    ) -> None:
        self._path, self._resume = path, resume
        self._columns = ["step", "seconds", "memory", *losses]
        self._file: IO[str] | None = None

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *unused: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Writes `progress`; never ends the run."""
        if self._file is None:
            self._file = self._open()
        if progress.losses:
            rows = csv.DictWriter(self._file, self._columns, restval="")
            values = {n: f"{value:.6g}" for n, value in progress.losses.items()}
            values["step"] = str(progress.step)
            values["seconds"] = f"{progress.seconds:.1f}"
            values["memory"] = str(progress.memory)
            rows.writerow(values)
            self._file.flush()

    def _open(self) -> IO[str]:
        """Opens the file with the rows to keep.

        Called after the run has begun: a refused run keeps an older table.
        """
        kept = _rows(self._path, self._resume) if self._resume else []
        with files.atomic(self._path, "w") as file:
            rows = csv.DictWriter(file, self._columns)
            rows.writeheader()
            rows.writerows(kept)
        return open(self._path, "a", encoding="utf-8")


def _rows(path: Path, last: int) -> list[dict[str, str]]:
    """Rows of a table up to a step; empty if there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        # A crash may leave half a row.
        rows = [r for r in csv.DictReader(file) if (r["step"] or "").isdigit()]
        return [row for row in rows if int(row["step"]) <= last]
