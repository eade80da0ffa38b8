"""Pipeline of tfstyle.transfer: stylizes one photograph or many.

`Transfer` stylizes the photographs that `transfer_files` reads; `sheet` blends
styles on a contact sheet.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.images import folders
from tfstyle.images.folders import Item
from tfstyle.pipelines import interpolation
from tfstyle.pipelines.transfer_files import Files, Photograph, Record
from tfstyle.runtime import batch

if TYPE_CHECKING:
    from tfstyle.adain.stylizers import ControlledStylizer, Style


class Outcome(NamedTuple):
    """Outcome of one photograph of a folder.

    Attributes:
        item: The photograph and its picture.
        error: Error that prevented the picture, or `None`.
        skipped: Whether the picture existed, from an earlier equal run.
    """

    item: Item
    error: Exception | None
    skipped: bool


class Transfer:
    """Stylizes photographs and writes the pictures.

    Args:
        files: Reader of photographs and writer of pictures.
        stylizer: Loaded model.
        record: Record that all pictures share, from `Files.describe`.

    Attributes:
        left_out: Names of record entries for which a format had no room.
    """

    def __init__(
        self, files: Files, stylizer: "ControlledStylizer", record: Record
    ) -> None:
        self._files, self._stylizer, self._record = files, stylizer, record
        # With regions, styles are embedded anew for each photograph's regions.
        masked = region_files.any_in(files.inputs)
        self._style = None if masked else self._embed(None)
        self._done: set[Item] = set()
        self.left_out: list[str] = []

    def one(self, photograph: Photograph) -> np.ndarray:
        """Stylizes a photograph; writes and returns the picture."""
        record = self._files.record(self._record, photograph.item)
        pixels = self._stylized(photograph)
        self._write(photograph.item, (photograph, pixels, record))
        return pixels

    def several(self, items: Iterable[Item]) -> Iterator[Outcome]:
        """Stylizes all photographs whose pictures do not exist yet.

        Raises:
            OSError: A picture cannot be written.
        """
        for item, error in batch.process(
            items, self._read, self._make, self._write
        ):
            yield Outcome(item, error, skipped=item in self._done)

    def _read(self, item: Item) -> tuple[Photograph, Record] | None:
        record = self._files.record(self._record, item)
        if folders.is_done(item, record):
            self._done.add(item)
            return None
        return self._files.photograph(item), record

    def _make(
        self, item: Item, given: tuple[Photograph, Record] | None
    ) -> tuple[Photograph, np.ndarray, Record] | None:
        if given is None:
            return None
        photograph, record = given
        return photograph, self._stylized(photograph), record

    def _write(
        self, item: Item, made: tuple[Photograph, np.ndarray, Record] | None
    ) -> None:
        if made is None:
            return
        photograph, pixels, record = made
        alpha = photograph.image.alpha
        left_out = self._files.write(item, pixels, alpha, record)
        self.left_out = left_out or self.left_out

    def _stylized(self, photograph: Photograph) -> np.ndarray:
        style = self._style
        if style is None:
            style = self._embed(photograph.regions)
        strength = self._files.config.strength
        return self._stylizer.stylize(photograph.image.pixels, style, strength)

    def _embed(self, regions: Regions | None) -> "Style":
        files = self._files
        return self._stylizer.embed(files.styles, files.config, regions)


def check_sheet(photograph: Photograph, grid: tuple[int, int]) -> None:
    """Raises `ValueError` or `MemoryError` if a sheet would be too large.

    Args:
        photograph: Photograph of the pictures on the sheet.
        grid: Number of rows and of columns.
    """
    shape = photograph.image.pixels.shape[:2]
    longest = max(
        count * (side + 8) for count, side in zip(grid, shape, strict=True)
    )
    images.check_format(photograph.item.output, longest=longest)
    images.check_sheet(shape, *grid)


def sheet(
    files: Files,
    stylizer: "ControlledStylizer",
    photograph: Photograph,
    grid: tuple[int, int],
) -> np.ndarray:
    """Makes a contact sheet of one photograph in blended styles.

    Each style is embedded once.

    Args:
        files: Reader with two or four styles.
        stylizer: Loaded model.
        photograph: The photograph.
        grid: Number of rows and of columns.

    Raises:
        ValueError: The model cannot blend styles.
    """
    pixels = photograph.image.pixels
    mixes = [*interpolation.shares(len(files.styles), *grid)]
    pictures = stylizer.blends(
        pixels, files.styles, files.config, itertools.chain(*mixes)
    )
    rows = [[*itertools.islice(pictures, len(row))] for row in mixes]
    return images.contact_sheet(rows, pixels.shape[0])
