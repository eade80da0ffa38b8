r"""Paints photographs in the style of a picture, in one pass each.

  python -m tfstyle.transfer --content=cat.jpg --style=wave.jpg \
      --output=cat.png

A folder of photographs, to a folder; a second run goes on where the first one
ended:

  python -m tfstyle.transfer --content=photographs --style=wave.jpg \
      --output=painted

Four styles at the corners of a sheet of 6 columns and 4 rows, blended between:

  python -m tfstyle.transfer --content=cat.jpg --style=a.jpg --style=b.jpg \
      --style=c.jpg --style=d.jpg --grid=4x6 --output=sheet.png

Two styles, the first where a mask is white, the second in the rest:

  python -m tfstyle.transfer --content=cat.jpg --style=a.jpg \
      --content_mask=fur.png --style=b.jpg --output=cat_regions.png

--color=luminance keeps the colours of each photograph.

Files that cannot be read are reported and skipped; the exit status is then 1.
"""

import contextlib
import dataclasses
import itertools
import os
import sys
import time

from absl import app, flags

from tfstyle.adain.config import TransferConfig
from tfstyle.cli import (
    common_flags,
    control_flags,
    painting,
    program,
    settings_flags,
)

_BEGAN = time.monotonic()
_CELL = 256  # Longer side of a picture on a sheet, if --size is not given.

_CONTENT = flags.DEFINE_string(
    "content",
    None,
    "Photograph, a folder of them, or a pattern such as 'photos/*.jpg'.",
    required=True,
)
_STYLE = flags.DEFINE_multi_string(
    "style",
    None,
    "Picture to take the style of; repeat it to blend several.",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "File to write; a folder, if --content names several.",
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
    """Checks everything, then paints."""
    settings = _settings()
    grid = _grid(settings)
    if grid:
        settings = dataclasses.replace(settings, size=settings.size or _CELL)
    one = os.path.isfile(_CONTENT.value)
    if grid and not one:
        raise app.UsageError("--grid is for one photograph.")
    items = _items(settings, one)
    run = _run_files(settings, rescue=one)
    if not one:
        _check_regions()
        record = _record(settings)
        _make_folder()
        return _paint_all(_Task(_load(settings), run), items, record)
    (item,) = items
    found = run.photograph(item)
    if grid:
        _check_sheet(item, found[0], grid)
    given = run.given(item, *found, _record(settings))
    painter = _load(settings)
    if grid:
        _paint_grid(painter, run, item, given, grid)
    else:
        _paint_one(_Task(painter, run), item, given)
    return 0


def _settings():
    from tfstyle.controls import region_files
    from tfstyle.runtime import devices

    with program.flag_errors():
        devices.check(_DEVICE.value, several=False)
        settings = TransferConfig(**settings_flags.values(TransferConfig))
        apart = region_files.check_roles(_inputs())
        settings.check_styles(len(_STYLE.value), apart)
    return settings


def _inputs():
    """Styles, masks and maps: role -> path, or "alpha"."""
    styles = {f"style {i}": p for i, p in enumerate(_STYLE.value, 1)}
    files = control_flags.files().items()
    return styles | {role: path for role, path in files if path is not None}


def _grid(settings):
    """Rows and columns of --grid."""
    if _GRID.value is None:
        return None
    regions = len(_inputs()) > len(_STYLE.value)
    if regions or settings.style_mix or set(settings.style_detail) != {"all"}:
        raise app.UsageError(
            "--grid blends whole styles by shares of its own: it is without "
            "--style_mix, --style_detail, masks and maps."
        )
    from tfstyle.adain import interpolation

    with program.flag_errors():
        return interpolation.parse(_GRID.value, len(_STYLE.value))


def _items(settings, one):
    """The photographs, and what they become, which can be written."""
    from tfstyle import images
    from tfstyle.images import folders
    from tfstyle.runtime import files

    items = folders.items(_CONTENT.value, _OUTPUT.value)
    for item in items:
        images.check_format(item.output, longest=max(1, settings.size))
    kept = {**_inputs(), "model": settings.model}
    if _ENCODER_WEIGHTS.value:
        kept["encoder_weights"] = _ENCODER_WEIGHTS.value
    folders.check_kept(items, kept)
    if one:
        files.check_writable(items[0].output)
    return items


def _make_folder():
    """Of the outputs, when all else was checked; raises if it is read-only."""
    from tfstyle.runtime import files

    os.makedirs(_OUTPUT.value, exist_ok=True)
    files.check_writable(os.path.join(_OUTPUT.value, "any.png"))


def _read(path):
    from tfstyle import images

    return images.read(path, _MAX_PIXELS.value)


def _run_files(settings, rescue):
    """What the run reads and writes; reads the styles."""
    from tfstyle.pipelines import transfer_files, transfer_inputs

    return transfer_files.Files(
        config=settings,
        inputs=_inputs(),
        styles=transfer_inputs.styles(_STYLE.value, settings, _read),
        image=_read,
        max_pixels=_MAX_PIXELS.value,
        quality=_QUALITY.value,
        rescue=rescue,
    )


def _check_sheet(item, photo, grid):
    """Whether a sheet can be written, before it is painted."""
    from tfstyle import images

    cells = zip(grid, photo.pixels.shape, strict=False)
    longest = max(count * (side + 8) for count, side in cells)
    images.check_format(item.output, longest=longest)
    images.check_sheet(photo.pixels.shape[:2], *grid)


def _check_regions():
    """Raises what reading masks and maps would, which is done anew later."""
    for path in control_flags.files().values():
        if path not in (None, "alpha"):
            _read(path)


def _record(settings):
    """What all pictures say about their making."""
    from tfstyle.images import provenance
    from tfstyle.pipelines import transfer_inputs

    fixed = {r: path for r, path in _inputs().items() if path != "alpha"}
    config = {**vars(settings), "quality": _QUALITY.value}
    if _GRID.value:
        config["grid"] = _GRID.value
    record = provenance.describe(config, fixed)
    # They come last: they may be downloaded.
    notes = transfer_inputs.describe(settings.model, _ENCODER_WEIGHTS.value)
    if not notes.get("published", True):
        program.note("The encoder's weights are not the published file.")
    return {**record, "notes": notes}


def _load(settings):
    """The painter; loads TensorFlow."""
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    from tfstyle.adain import stylizers

    precision = devices.precision(settings.precision)
    painter = stylizers.load(
        settings.model, _ENCODER_WEIGHTS.value, precision, settings.tile
    )
    return stylizers.FinishingPainter(painter, settings)


def _paint_one(task, item, given):
    """Paints one photograph, which Ctrl-C ends at once: no part is of use."""
    pixels, _ = made = task.make(item, given)
    task.write(item, made)
    painting.say_left_out(item.output, task.left_out)
    height, width = pixels.shape[:2]
    seconds = time.monotonic() - _BEGAN
    print(f"{item.output}: {width}x{height} after {seconds:.1f} s")


def _paint_all(task, items, record):
    """Paints all items but those that are done; the exit status."""
    from tfstyle.runtime import batch

    painted = failed = 0
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(program.Interrupt())
        bar = stack.enter_context(_bar(len(items)))
        # After Ctrl-C what was begun is ended, and nothing else is begun.
        wanted = itertools.takewhile(lambda _: not interrupt.status, items)
        for item, error in batch.process(
            wanted,
            lambda item: task.run.read(item, record),
            task.make,
            task.write,
        ):
            bar.update()
            if error:
                bar.write(f"skipped '{item.content}': {error}", sys.stderr)
            failed += error is not None
            painted += error is None
    painting.say_left_out(_OUTPUT.value, task.left_out)
    parts = [f"{painted - task.skipped} painted"]
    parts += [f"{task.skipped} were there"] * bool(task.skipped)
    parts += [f"{failed} failed"] * bool(failed)
    seconds = time.monotonic() - _BEGAN
    print(f"{_OUTPUT.value}: {', '.join(parts)} after {seconds:.1f} s")
    return interrupt.status or int(failed > 0)


class _Task:
    """What `batch.process` calls; pictures that are there are `None`."""

    def __init__(self, painter, run):
        self.painter, self.run = painter, run
        masked = len(run.inputs) > len(run.styles)
        self.style = None if masked else self._embed(None)
        self.skipped = 0
        self.left_out = []

    def _embed(self, regions):
        config = self.run.config
        return self.painter.embed(
            self.run.styles, config.style_mix, config.style_detail, regions
        )

    def make(self, item, given):
        """The picture of one photograph, and what it was made from."""
        if given is None:
            self.skipped += 1
            return None
        photo, regions, _ = given
        style = self.style if regions is None else self._embed(regions)
        strength = self.run.config.strength
        return self.painter.paint(photo.pixels, style, strength, regions), given

    def write(self, item, made):
        """The file."""
        if made is not None:
            self.left_out = self.run.write(item, *made) or self.left_out


def _bar(count):
    import tqdm

    return tqdm.tqdm(
        total=count,
        unit="image",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
    )


def _paint_grid(painter, run, item, given, grid):
    """One picture for each cell, from the first style to the others."""
    from tfstyle import images
    from tfstyle.adain import interpolation

    mixes = [*interpolation.shares(len(run.styles), *grid)]
    pictures = painter.blends(
        given.photo.pixels,
        run.styles,
        itertools.chain(*mixes),
        run.config.strength,
    )
    rows = [[*itertools.islice(pictures, len(row))] for row in mixes]
    sheet = images.contact_sheet(rows, given.photo.pixels.shape[0])
    opaque = dataclasses.replace(given.photo, alpha=None)
    left_out = run.write(item, sheet, given._replace(photo=opaque))
    painting.say_left_out(item.output, left_out)
    print(f"{item.output}: {grid[0]}x{grid[1]} pictures")


if __name__ == "__main__":
    program.run(main)
