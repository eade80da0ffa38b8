"""Report of a run: one page of HTML with inputs, progress and result.

`Report` is an `on_step` callback that collects values and a few small
pictures; `write` makes the page from them.
"""

import dataclasses
import html
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle.images import provenance
from tfstyle.images.conversion import ImageLike, to_image
from tfstyle.report import page, sections
from tfstyle.report.figures import Figure, figure
from tfstyle.report.sections import Size
from tfstyle.runtime import files
from tfstyle.runtime.progress import Progress, begins
from tfstyle.runtime.types import Path

_QUARTERS = 4  # Small pictures at each size.
_MOST = 12  # Sizes with all pictures; later ones, as of a zoom, have one.
# Longer sides of pictures on the page, in pixels.
_SMALL = 256
_INPUT = 384
_RESULT = 1280


class Report:
    """Writes a page about a run; an `on_step` callback.

    At the end of each size it computes the gradient norm of each term of the
    loss, which takes about a step for each term. The picture does not change.

    Args:
        config: Settings of the run, such as a `GatysConfig`.
        shown: Name -> input image to show; see `tfstyle.images.conversion`.
        record: Record of the run, see `provenance.describe`; made from
            `config` if `None`.
        command: Words of the command that repeats the run.
        resumed: Whether the run resumes from a checkpoint.
        title: Title of the page.

    Raises:
        ValueError: Matplotlib or Jinja2 is not installed, or a value of
            `shown` is not an image.

    Example:
        ```python
        report = tfstyle.Report(config, {"content": photo, "style": wave})
        picture = tfstyle.stylize(photo, wave, config, report)
        report.write("report.html", picture)
        ```
    """

    def __init__(
        self,
        config: Any,
        shown: Mapping[str, ImageLike] | None = None,
        record: Mapping[str, Any] | None = None,
        command: Sequence[str] = (),
        resumed: bool = False,
        title: str = "tfstyle report",
    ) -> None:
        page.check()
        self._config, self._command = config, command
        self._record = record or provenance.describe(config, {})
        self._resumed, self._title = resumed, title
        self._shown = [
            figure(to_image(image), _INPUT, role)
            for role, image in (shown or {}).items()
        ]
        self._sizes: list[Size] = []
        self._picture: Callable[[], np.ndarray] | None = None
        self._spent = 0.0

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Collects the values of a step; never ends the run."""
        begin = time.monotonic()
        self._note(progress)
        self._picture = picture
        if progress.step == progress.steps:
            self._finish()
        elif _is_quarter(progress) and len(self._sizes) <= _MOST:
            self._shoot()
        self._spent += time.monotonic() - begin

    def write(
        self,
        path: Path,
        picture: ImageLike | None = None,
        note: str = "",
    ) -> None:
        """Writes the page; an older file is replaced only by a whole one.

        Args:
            path: File to write, .html.
            picture: Result of the run; the picture of the last step if
                `None`.
            note: Reason why the run is not complete; empty if it is.

        Raises:
            ValueError: `picture` is not an image.
            OSError: The file cannot be written.
        """
        text = self.html(picture, note)
        with files.atomic(path, "w") as file:
            file.write(text)

    def html(self, picture: ImageLike | None = None, note: str = "") -> str:
        """Returns the page as text; arguments and errors are those of `write`.

        A notebook shows a report itself: `report` as the last line of a cell.
        """
        if self._sizes and not note:
            self._finish()
        if picture is not None:
            picture = to_image(picture)
        else:
            picture = self._seen()
        return page.render(
            title=self._title,
            notes=self._notes(note),
            result=_result(picture),
            inputs=self._shown,
            **sections.course(self._sizes, self._spent),
            **sections.about(self._config, self._record, self._command),
        )

    def _repr_html_(self) -> str:
        """The page in a frame: its styles do not reach the notebook."""
        source = html.escape(self.html())
        return (
            f'<iframe srcdoc="{source}" title="{html.escape(self._title)}" '
            'sandbox="" width="100%" height="720" style="border: 0"></iframe>'
        )

    def _note(self, progress: Progress) -> None:
        """Stores the numbers of a call with its size."""
        now = progress.seconds - self._spent
        size = self._sizes[-1] if self._sizes else None
        if size is None or begins(size.last, progress):
            size = self._begin(progress, now)
        size.last, size.ended = progress, now
        if progress.losses:
            step = size.offset + progress.step
            size.values.append((step, dict(progress.losses)))
            size.memory = progress.memory

    def _begin(self, progress: Progress, now: float) -> Size:
        """Begins a new size at its first call."""
        offset, ended = 0, 0.0
        if self._sizes:
            self._finish()  # It may have ended before its last step.
            before = self._sizes[-1]
            before.last = _without_arrays(before.last)
            offset, ended = before.offset + before.last.step, before.ended
        elif self._resumed:
            ended = now  # Earlier steps ran in another process.
        first = _without_arrays(progress)
        size = Size(first, progress, offset, now - ended, now, now)
        self._sizes.append(size)
        return size

    def _finish(self) -> None:
        """Stores the picture and the gradient norms at the end of a size."""
        self._shoot()
        size = self._sizes[-1]
        size.gradients = size.gradients or size.last.gradients()

    def _shoot(self) -> None:
        """Stores a small copy of the picture of the last call."""
        size = self._sizes[-1]
        caption = f"step {size.last.step}"
        if caption in {f.caption for f in size.figures}:
            return
        if (picture := self._seen()) is not None:
            size.figures.append(figure(picture, _SMALL, caption))

    def _seen(self) -> np.ndarray | None:
        """The picture of the last call; `None` where a training has none."""
        if self._picture is None:
            return None
        picture = self._picture()
        return picture if picture.size else None

    def _notes(self, note: str) -> list[str]:
        """Notes at the top of the page."""
        resumed = (
            "The run was resumed from a checkpoint: this page shows only what "
            "happened since."
        )
        return [note] * bool(note) + [resumed] * self._resumed


def _without_arrays(progress: Progress) -> Progress:
    """Returns progress without the function that holds the run's arrays."""
    return dataclasses.replace(progress, gradients=dict)


def _result(picture: np.ndarray | None) -> Figure | None:
    if picture is None:
        return None
    height, width = picture.shape[:2]
    return figure(picture, _RESULT, f"result, {width}×{height}")


def _is_quarter(progress: Progress) -> bool:
    """Whether the picture is worth keeping before the size ends."""
    every = math.ceil(progress.steps / _QUARTERS)
    return progress.step > 0 and progress.step % every == 0
