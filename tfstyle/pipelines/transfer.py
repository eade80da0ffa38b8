"""Pipeline of tfstyle.transfer: stylizes photographs.

`Transfer` stylizes the photographs that `transfer_files` reads, one or, as a
recipe of `worklists.painting`, many; `sheet` blends styles on a contact sheet.
"""

import itertools
import pathlib
from typing import TYPE_CHECKING

import numpy as np

from tfstyle import images
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.images import provenance
from tfstyle.images.folders import Item
from tfstyle.pipelines import interpolation
from tfstyle.pipelines.transfer_files import Files, Photograph, Record

if TYPE_CHECKING:
    from tfstyle.adain.stylizers import ControlledStylizer, Style


class Transfer:
    """Stylizes photographs and writes the pictures; a `painting.Recipe`.

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
        self.left_out: list[str] = []

    def one(self, photograph: Photograph) -> np.ndarray:
        """Stylizes a photograph; writes and returns the picture."""
        record = self.record(photograph.item.content)
        pixels = self.paint(photograph)
        self.write(photograph.item, photograph, pixels, record)
        return pixels

    @property
    def digest(self) -> str:
        """See `painting.Recipe`."""
        return provenance.recipe(self._record)

    def record(self, content: pathlib.Path) -> Record:
        """See `painting.Recipe`."""
        return self._files.record(self._record, content)

    def read(self, item: Item) -> Photograph:
        """See `painting.Recipe`."""
        return self._files.photograph(item)

    def paint(self, given: Photograph) -> np.ndarray:
        """See `painting.Recipe`."""
        style = self._style
        if style is None:
            style = self._embed(given.regions)
        strength = self._files.config.strength
        return self._stylizer.stylize(given.image.pixels, style, strength)

    def write(
        self, item: Item, given: Photograph, pixels: np.ndarray, record: Record
    ) -> None:
        """See `painting.Recipe`."""
        alpha = given.image.alpha
        left_out = self._files.write(item, pixels, alpha, record)
        self.left_out = left_out or self.left_out

    def _embed(self, regions: Regions | None) -> "Style":
        files = self._files
        return self._stylizer.embed(files.styles, files.config, regions)


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
