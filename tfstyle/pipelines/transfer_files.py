"""Reads the photographs of tfstyle.transfer and writes the pictures."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.controls import region_files
from tfstyle.controls.regions import Regions
from tfstyle.images import output, provenance
from tfstyle.images.folders import Item
from tfstyle.pipelines import preparation, transfer_inputs

Record = Mapping[str, Any]
"""Record of a picture; see `provenance.describe`."""


class Photograph(NamedTuple):
    """A decoded photograph.

    Attributes:
        item: File of the photograph and file of its picture.
        image: Pixels, at the size of the picture, and transparency.
        regions: Region of each style; `None` if they are blended everywhere.
    """

    item: Item
    image: images.Picture
    regions: Regions | None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Files:
    """Reads photographs and writes pictures.

    Attributes:
        config: Settings of the run.
        inputs: Role -> path of each file other than the photograph, or
            `"alpha"` for a mask that is the photograph's transparency.
        styles: Style images, resized, arrays of shape `(height, width, 3)`.
        read: Function that returns the image of a file.
        quality: Quality of JPEG and WebP, from 1 to 100.
        rescue: Whether to write another file if a picture's file cannot be
            written. Pictures missing in a folder are made by the next run.
        dpi: Pixels per inch when printed; `None` to leave it open.
    """

    config: TransferConfig
    inputs: Mapping[str, str]
    styles: Sequence[np.ndarray]
    read: transfer_inputs.Read
    quality: int
    rescue: bool
    dpi: int | None = None

    def photograph(self, item: Item) -> Photograph:
        """Reads the photograph of an item.

        Raises:
            ValueError: A file is wrong, or the picture would be larger than
                its format allows.
            FileNotFoundError: There is no such file.
        """
        image, regions = transfer_inputs.photograph(
            os.fspath(item.content),
            self.inputs,
            self.styles,
            self.config,
            self.read,
        )
        images.check_format(item.output, longest=max(image.pixels.shape[:2]))
        return Photograph(item, image, regions)

    def describe(
        self, encoder_weights: str | None, grid: str | None = None
    ) -> Record:
        """Returns the record that all pictures share.

        Args:
            encoder_weights: File of the encoder's weights, or `None`; see
                `transfer_inputs.describe`, which may download weights.
            grid: Rows and columns of a sheet, such as `"4x6"`.

        Raises:
            ValueError: There is no such model, or a file is wrong.
            FileNotFoundError: A file is missing.
        """
        config = {**vars(self.config), "quality": self.quality}
        if grid is not None:
            config["grid"] = grid
        fixed = {r: path for r, path in self.inputs.items() if path != "alpha"}
        record = provenance.describe(config, fixed)
        notes = transfer_inputs.describe(self.config.model, encoder_weights)
        return {**record, "notes": notes}

    def record(self, shared: Record, content: pathlib.Path) -> Record:
        """Completes the shared record for one photograph; see `describe`."""
        masks = [role for role, path in self.inputs.items() if path == "alpha"]
        for role in ("content", *masks):
            shared = provenance.with_input(shared, role, content)
        return shared

    def write(
        self,
        item: Item,
        pixels: np.ndarray,
        alpha: np.ndarray | None,
        record: Record,
    ) -> list[str]:
        """Writes a picture.

        Returns:
            Names of missing record entries; see `output.Output.left_out`.

        Raises:
            OSError: The file cannot be written; see `output.Output.save`.
        """
        item.output.parent.mkdir(parents=True, exist_ok=True)
        target = output.Output(
            path=os.fspath(item.output),
            record=record,
            alpha=alpha,
            quality=self.quality,
            dpi=self.dpi,
        )
        target.save(pixels, rescue=self.rescue)
        return target.left_out


def open_files(
    config: TransferConfig,
    inputs: Mapping[str, str],
    *,
    max_pixels: int,
    quality: int,
    rescue: bool,
) -> Files:
    """Reads styles, masks and maps, once for all photographs.

    Args:
        config: Settings of the run.
        inputs: Role -> path, or `"alpha"`; see `Files`.
        max_pixels: Maximum number of pixels of an input image.
        quality: Quality of JPEG and WebP, from 1 to 100.
        rescue: Whether to write another file if one fails; see `Files`.

    Raises:
        ValueError: A file is not an image, or too large or narrow.
        FileNotFoundError: There is no such file.
    """
    read = functools.partial(images.read, max_pixels=max_pixels)
    styles = transfer_inputs.styles(preparation.styles(inputs), config, read)
    kept = {
        path: read(path)
        for role, path in inputs.items()
        if region_files.any_in([role]) and path != "alpha"
    }
    return Files(
        config=config,
        inputs=inputs,
        styles=styles,
        read=lambda path: kept[path] if path in kept else read(path),
        quality=quality,
        rescue=rescue,
    )
