"""Output file of a run: writes previews and the result, or rescues it."""

import dataclasses
import os
import pathlib
import secrets
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfstyle.images import provenance
from tfstyle.images.encoding import check_format
from tfstyle.images.io import save
from tfstyle.images.sizes import fit, resize
from tfstyle.runtime.progress import OnStep, Progress


@dataclasses.dataclass(kw_only=True, eq=False)
class Output:
    """A picture file to write; an older one is replaced only by a whole one.

    Attributes:
        path: File to write; see `images.save` for the formats.
        record: Record of the run; see `provenance.describe`. Entries that the
            format has no room for are left out.
        alpha: Transparency of the photograph, array of shape `(height,
            width)` at any size; `None` if it is opaque. Formats without
            transparency get the picture on white, as a viewer shows it.
        bit_depth: Bits per channel, 8 or 16.
        quality: Quality of JPEG and WebP, from 1 to 100.
        dpi: Pixels per inch when printed; `None` to leave it open.
    """

    path: str
    record: Mapping[str, Any]
    alpha: np.ndarray | None = None
    bit_depth: int = 8
    quality: int = 95
    dpi: int | None = None

    def save(
        self, pixels: np.ndarray, complete: bool = True, rescue: bool = True
    ) -> None:
        """Writes a picture.

        Args:
            pixels: Array of shape `(height, width, 3)`, RGB in [0, 1].
            complete: Whether the run is complete, for the record.
            rescue: Whether to write another file if this one fails.

        Raises:
            OSError: The file cannot be written. The message names the file
                that holds the picture instead, if one could be written.
        """
        try:
            self._write(self.path, pixels, complete)
        except OSError as error:
            if not rescue:
                raise
            raise self._rescued(error, pixels, complete) from error

    @property
    def left_out(self) -> list[str]:
        """Names of the record's entries that the format has no room for."""
        return list(self._fitted(self.path, complete=True).get("left_out", ()))

    def preview(self, every: int) -> OnStep:
        """Returns an `on_step` callback that writes the picture so far.

        Large pictures are reduced: writing them would take longer than a step.

        Args:
            every: Number of steps between previews; 0 for none.
        """
        calls = 0
        last = (0, 0)

        def on_step(
            progress: Progress, picture: Callable[[], np.ndarray]
        ) -> None:
            nonlocal calls, last
            if last == (progress.size, progress.step):
                return  # A part of a step.
            last = progress.size, progress.step
            calls += 1
            if every and calls % every == 0:
                try:
                    shown = _reduced(picture())
                    self._write(self.path, shown, complete=False)
                except OSError:
                    # The run is worth more than its preview; writing the
                    # result will raise the error.
                    return

        return on_step

    def _write(
        self, path: str, pixels: np.ndarray, complete: bool = True
    ) -> None:
        alpha = self.alpha
        if alpha is not None:
            alpha = resize(alpha, *pixels.shape[:2])
            if not check_format(path).alpha:
                cover = alpha[..., None]
                pixels, alpha = cover * pixels + (1 - cover), None
        save(
            path,
            pixels,
            alpha,
            self.quality,
            self.bit_depth,
            provenance.embed(self._fitted(path, complete)),
            self.dpi,
        )

    def _fitted(self, path: str, complete: bool) -> Mapping[str, Any]:
        """Returns the record, shortened to fit the format."""
        notes = {**self.record["notes"], "complete": complete}
        return provenance.fitted(
            {**self.record, "notes": notes}, check_format(path)
        )

    def _rescued(
        self, error: OSError, pixels: np.ndarray, complete: bool
    ) -> OSError:
        """Writes the picture elsewhere; returns the error to raise."""
        name = f"tfstyle-{secrets.token_hex(4)}{pathlib.Path(self.path).suffix}"
        try:
            path = os.path.join(tempfile.gettempdir(), name)
            self._write(path, pixels, complete)
        except OSError:  # The user can fix the first one.
            return error
        return OSError(
            f"Cannot write '{self.path}' ({error.strerror or error}). The "
            f"picture is '{path}' instead."
        )


_LARGEST = 2048  # Longer side of previews, in pixels.


def _reduced(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    if max(height, width) <= _LARGEST:
        return picture
    return resize(picture, *fit(height, width, _LARGEST))
