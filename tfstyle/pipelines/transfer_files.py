"""Photographs of a run of tfstyle.transfer, and the pictures they become."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.controls.regions import Regions
from tfstyle.images import folders, output, provenance
from tfstyle.pipelines import transfer_inputs


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


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Files:
    """Reads photographs and writes pictures.

    Attributes:
        config: Has the size, and what `styles` needed.
        inputs: Role -> path of the files beside the photograph, or "alpha".
        styles: From `transfer_inputs.styles`.
        image: Gives the image of a file, such as `images.read`.
        max_pixels: Masks and maps of more pixels are refused.
        quality: 1 to 100, of JPEG and WebP.
        rescue: Whether a picture is written elsewhere where its file cannot
            be; what a folder lacks is painted by the next run.
    """

    config: TransferConfig
    inputs: Mapping[str, str]
    styles: Sequence[np.ndarray]
    image: transfer_inputs.Read
    max_pixels: int
    quality: int
    rescue: bool

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
            self.image,
            self.max_pixels,
        )
        images.check_format(item.output, longest=max(photo.pixels.shape[:2]))
        return photo, regions

    def given(
        self,
        item: folders.Item,
        photo: images.Picture,
        regions: Regions | None,
        record: Mapping[str, Any],
    ) -> Given:
        """A photograph and its regions with their record.

        Args:
            item: Where they are from.
            photo: From `photograph`.
            regions: From `photograph`.
            record: What all pictures say about their making, see
                `provenance.describe`.
        """
        return Given(photo, regions, self._with_item(record, item))

    def read(
        self, item: folders.Item, record: Mapping[str, Any]
    ) -> Given | None:
        """What an item is made from; `None` if its picture is there.

        Args:
            item: The photograph, and its picture.
            record: As of `given`.

        Raises:
            ValueError: See `photograph`.
            FileNotFoundError: See `photograph`.
        """
        record = self._with_item(record, item)
        if folders.is_done(item, record):
            return None
        return Given(*self.photograph(item), record)

    def write(
        self, item: folders.Item, pixels: np.ndarray, given: Given
    ) -> list[str]:
        """Writes a picture, with its photograph's transparency.

        Returns:
            What its record lacks; see `output.Output.left_out`.

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
        return target.left_out

    def _with_item(self, record, item):
        masks = [role for role, path in self.inputs.items() if path == "alpha"]
        for role in ("content", *masks):
            record = provenance.with_input(record, role, item.content)
        return record
