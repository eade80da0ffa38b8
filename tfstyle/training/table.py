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

    Raises:
        ValueError: The file to resume is not such a table.
    """

    def __init__(
        self,
        path: Path,
        losses: Sequence[str],
        resume: int = 0,
    ) -> None:
        self._path = path
        self._columns = ["step", "seconds", "memory", *losses]
        rows = _rows(path, self._columns) if resume else []
        self._kept = [row for row in rows if int(row["step"]) <= resume]
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
        with files.atomic(self._path, "w") as file:
            rows = csv.DictWriter(file, self._columns)
            rows.writeheader()
            rows.writerows(self._kept)
        return open(self._path, "a", encoding="utf-8")


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Complete rows of a table; empty if there is no file."""
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise _edited(path, columns) from error
    # A row with too many values has the last of them under `None`.
    if not all({"step"} <= row.keys() <= {*columns} for row in rows):
        raise _edited(path, columns)
    # A crash may leave half a row.
    return [row for row in rows if (row["step"] or "").isdigit()]


def _edited(path: Path, columns: Sequence[str]) -> ValueError:
    return ValueError(
        f"'{os.fspath(path)}' is not a log that a resumed training can "
        f"continue, of the columns {','.join(columns)}. Move it away."
    )
