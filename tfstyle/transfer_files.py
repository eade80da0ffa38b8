"""Photographs of a run of tfstyle.transfer, and the pictures they become."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle import folders, images, output, provenance, transfer_inputs
from tfstyle.config import TransferConfig
from tfstyle.regions import Regions


class Given(NamedTuple):
    """What a picture is made from.

    Attributes:
        photo: The photograph, at the size at which it is painted.
        regions: Of it; `None` if it is painted whole, in one style.
        record: What the picture will say about its making.
    """

    photo: images.Picture
    regions: Regions | None
    record: Mapping[str, Any]


@dataclasses.dataclass(kw_only=True, eq=False)
class Files:
    """Reads photographs and writes pictures.

    Attributes:
        config: Has the size, and what `styles` needed.
        inputs: Role -> path of the files beside the photograph, or "alpha".
        styles: From `transfer_inputs.styles`.
        max_pixels: Larger images are refused.
        quality: 1 to 100, of JPEG and WebP.
        rescue: Whether a picture is written elsewhere where its file cannot
            be; what a folder lacks is painted by the next run.
        record: What all pictures say about their making, see
            `provenance.describe`; known before any is painted.
    """

    config: TransferConfig
    inputs: Mapping[str, str]
    styles: Sequence[np.ndarray]
    max_pixels: int
    quality: int
    rescue: bool
    record: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def photograph(
        self, item: folders.Item
    ) -> tuple[images.Picture, Regions | None]:
        """The photograph at the size at which it is painted, and its regions.

        Raises:
            ValueError: A file is not what it should be, or the picture would
                be larger than its format holds.
            FileNotFoundError: There is no such file.
        """
        photo, regions = transfer_inputs.photograph(
            os.fspath(item.content),
            self.inputs,
            self.styles,
            self.config,
            lambda path: images.read(path, self.max_pixels),
            self.max_pixels,
        )
        images.check_format(item.output, longest=max(photo.pixels.shape[:2]))
        return photo, regions

    def given(
        self,
        item: folders.Item,
        photo: images.Picture,
        regions: Regions | None,
    ) -> Given:
        """A photograph and its regions with their record."""
        return Given(photo, regions, self._describe(item))

    def read(self, item: folders.Item) -> Given | None:
        """What an item is made from; `None` if its picture is there.

        Raises:
            ValueError: See `photograph`.
            FileNotFoundError: See `photograph`.
        """
        record = self._describe(item)
        if folders.is_done(item, record):
            return None
        return Given(*self.photograph(item), record)

    def write(
        self, item: folders.Item, pixels: np.ndarray, given: Given
    ) -> None:
        """Writes a picture, with its photograph's transparency.

        Raises:
            OSError: The file cannot be written; see `output.Output.save`.
        """
        item.output.parent.mkdir(parents=True, exist_ok=True)
        target = output.Output(
            path=os.fspath(item.output),
            record=given.record,
            alpha=given.photo.alpha,
            quality=self.quality,
        )
        target.save(pixels, rescue=self.rescue)

    def _describe(self, item):
        masks = [role for role, path in self.inputs.items() if path == "alpha"]
        record = self.record
        for role in ("content", *masks):
            record = provenance.with_input(record, role, item.content)
        return record
