r"""Paints photographs in the style of a picture, in one pass each.

  python -m tfstyle.transfer --content=cat.jpg --style=wave.jpg \
      --output=cat.png

A folder of photographs, to a folder; a second run continues where the first
one ended:

  python -m tfstyle.transfer --content=photographs --style=wave.jpg \
      --output=painted

Four styles at the corners of a sheet of 4 rows and 6 columns, with blends in
between:

  python -m tfstyle.transfer --content=cat.jpg --style=a.jpg --style=b.jpg \
      --style=c.jpg --style=d.jpg --grid=4x6 --output=sheet.png

Two styles, the first where a mask is white, the second elsewhere:

  python -m tfstyle.transfer --content=cat.jpg --style=a.jpg \
      --content_mask=fur.png --style=b.jpg --output=cat_regions.png

A model of tfstyle.specialize has its style inside:

  python -m tfstyle.transfer --content=cat.jpg --model=wave.keras \
      --output=cat.png

--color=luminance keeps the colors of each photograph.

Files that cannot be read, or whose picture would replace a file that tfstyle
did not write, are reported and skipped; the exit status is then 1.
"""

import dataclasses
import itertools
import os
import sys
import time
from typing import TYPE_CHECKING

from absl import app, flags

from tfstyle.adain.config import TransferConfig
from tfstyle.cli import (
    common_flags,
    control_flags,
    notes,
    program,
    settings_flags,
)

if TYPE_CHECKING:
    import tqdm

    from tfstyle.adain.stylizers import ControlledStylizer
    from tfstyle.images.folders import Item
    from tfstyle.pipelines.transfer_files import Files, Record

_BEGAN = time.monotonic()
_CELL = 256  # Longer side of a picture on a sheet, if --size is not given.

_CONTENT = flags.DEFINE_string(
    "content",
    None,
    "Photograph, a folder of them, or a pattern such as 'photos/*.jpg'.",
    required=True,
)
flags.DEFINE_multi_string(
    "style",
    [],
    "Picture to take the style of; repeat it to blend several. Only models of "
    "tfstyle.specialize need none.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File to write, or a folder if --content names several photographs.",
    required=True,
)
_GRID = flags.DEFINE_string(
    "grid",
    None,
    "Paints a sheet between two or four styles: ROWSxCOLUMNS, such as 4x6.",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights",
    None,
    "File of the published encoder's weights (.h5), for --model=vgg16 or "
    "vgg19.",
)
settings_flags.define(TransferConfig)
control_flags.define()
_DEVICE = common_flags.define_device("auto, cpu, gpu or gpu:N")
_MAX_PIXELS = common_flags.define_max_pixels()
_QUALITY = common_flags.define_quality()


def main() -> int:
    """Checks flags and files, then stylizes."""
    settings = _settings()
    grid = _grid(settings)
    one = os.path.isfile(_CONTENT.value)
    if grid and not one:
        raise app.UsageError("--grid is for one photograph.")
    if grid and not flags.FLAGS["size"].present:
        settings = dataclasses.replace(settings, size=_CELL)
    items = _items(settings, one)
    files = _files(settings, one)
    if grid:
        return _make_sheet(files, items[0], grid)
    if one:
        return _stylize_one(files, items[0])
    return _stylize_all(files, items)


def _settings() -> TransferConfig:
    from tfstyle.controls import region_files
    from tfstyle.runtime import devices

    with program.flag_errors():
        devices.check(_DEVICE.value, several=False)
        settings = TransferConfig(**settings_flags.values(TransferConfig))
        apart = region_files.check_roles(control_flags.inputs())
        settings.check_styles(len(control_flags.styles()), apart)
        if not flags.FLAGS.style:
            kind = "a model with its style inside"
            settings_flags.refuse(["style_size"], kind)
    return settings


def _grid(settings: TransferConfig) -> tuple[int, int] | None:
    """Rows and columns of --grid; `None` without it."""
    if _GRID.value is None:
        return None
    regions = len(control_flags.inputs()) > len(control_flags.styles())
    if regions or settings.style_mix or set(settings.style_detail) != {"all"}:
        raise app.UsageError(
            "--grid blends whole styles by shares of its own: leave out "
            "--style_mix, --style_detail, masks and maps."
        )
    from tfstyle.pipelines import interpolation

    with program.flag_errors():
        return interpolation.parse(_GRID.value, len(control_flags.styles()))


def _items(settings: TransferConfig, one: bool) -> "list[Item]":
    """Finds the photographs; checks that their pictures can be written."""
    from tfstyle import images
    from tfstyle.images import folders

    notes.unreadable(_CONTENT.value)
    items = folders.items(_CONTENT.value, _OUTPUT.value)
    for item in items:
        longest = max(1, settings.size)
        format = images.check_format(item.output, longest=longest)
    kept = {**control_flags.inputs(), "model": settings.model}
    if _ENCODER_WEIGHTS.value:
        kept["encoder_weights"] = _ENCODER_WEIGHTS.value
    folders.check_kept(items, kept)
    if one:
        common_flags.check_quality(format)
        _check_output(items[0])
    return items


def _check_output(item: "Item") -> None:
    """Raises an error if the file of a single picture cannot be written."""
    from tfstyle.images import folders
    from tfstyle.runtime import files

    files.check_writable(item.output)
    if os.path.isdir(_OUTPUT.value):  # Nobody named the file in it.
        folders.check_ours(item.output, os.fspath(item.output))


def _files(settings: TransferConfig, one: bool) -> "Files":
    """Reads styles, masks and maps, which all pictures share."""
    from tfstyle.pipelines import transfer_files

    return transfer_files.open_files(
        settings,
        control_flags.inputs(),
        max_pixels=_MAX_PIXELS.value,
        quality=_QUALITY.value,
        rescue=one,
    )


def _describe(files: "Files") -> "Record":
    """Record that all pictures share; notes unpublished weights."""
    record = files.describe(_ENCODER_WEIGHTS.value, _GRID.value)
    if not record["notes"].get("published", True):
        program.note("The encoder's weights are not the published file.")
    return record


def _load(settings: TransferConfig) -> "ControlledStylizer":
    """Loads TensorFlow and the model."""
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    from tfstyle.adain import loading

    return loading.load_controlled(settings, _ENCODER_WEIGHTS.value)


def _stylize_one(files: "Files", item: "Item") -> int:
    """Stylizes one photograph; Ctrl-C ends it at once."""
    from tfstyle.pipelines.transfer import Transfer

    photograph = files.photograph(item)
    notes.frames(_CONTENT.value)
    record = _describe(files)  # May download weights, so it comes last.
    transfer = Transfer(files, _load(files.config), record)
    height, width = transfer.one(photograph).shape[:2]
    notes.left_out(os.fspath(item.output), transfer.left_out)
    seconds = time.monotonic() - _BEGAN
    print(f"{item.output}: {width}x{height} after {seconds:.1f} s")
    return 0


def _stylize_all(files: "Files", items: "list[Item]") -> int:
    """Stylizes all photographs that lack a picture; returns the status."""
    from tfstyle.pipelines.transfer import Transfer
    from tfstyle.worklists import painting as worklist
    from tfstyle.worklists.manifests import FAILED, Tally
    from tfstyle.worklists.rows import Row
    from tfstyle.worklists.storage import InPlace

    record = _describe(files)
    _make_folder()
    transfer = Transfer(files, _load(files.config), record)
    rows = [Row(str(item.content), str(item.output)) for item in items]
    tally = Tally()
    with program.Interrupt() as interrupt, _bar(len(rows)) as bar:
        # After Ctrl-C, photographs in progress are finished, no others begun.
        wanted = itertools.takewhile(lambda _: not interrupt.status, rows)
        for entry in worklist.paint(wanted, lambda row: transfer, InPlace()):
            bar.update()
            tally.add(entry)
            if entry.reason:
                name = f"'{entry.content}'"  # Most reasons begin with it.
                reason = entry.reason.removeprefix(name).lstrip(": ")
                bar.write(f"skipped {name}: {reason}", sys.stderr)
    notes.left_out(_OUTPUT.value, transfer.left_out)
    seconds = time.monotonic() - _BEGAN
    print(f"{_OUTPUT.value}: {tally} after {seconds:.1f} s")
    return interrupt.status or int(tally[FAILED] > 0)


def _make_folder() -> None:
    """Creates the output folder; raises an error if it is read-only."""
    from tfstyle.runtime import files

    os.makedirs(_OUTPUT.value, exist_ok=True)
    files.check_writable(os.path.join(_OUTPUT.value, "any.png"))


def _bar(count: int) -> "tqdm.tqdm":
    import tqdm

    return tqdm.tqdm(
        total=count,
        unit="image",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
    )


def _make_sheet(files: "Files", item: "Item", grid: tuple[int, int]) -> int:
    """Makes a sheet of one photograph in blends of the styles."""
    from tfstyle import images
    from tfstyle.pipelines import transfer

    photograph = files.photograph(item)
    shape = photograph.image.pixels.shape[:2]
    notes.frames(_CONTENT.value)
    images.check_sheet(item.output, shape, *grid)
    shared = _describe(files)
    sheet = transfer.sheet(files, _load(files.config), photograph, grid)
    left_out = files.write(
        item, sheet, None, files.record(shared, item.content)
    )
    notes.left_out(os.fspath(item.output), left_out)
    print(f"{item.output}: {grid[0]}x{grid[1]} pictures")
    return 0


if __name__ == "__main__":
    program.run(main)
