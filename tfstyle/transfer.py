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
import re
import sys
import time
from typing import Any

from absl import app, flags

from tfstyle import cli, config, control_flags

_BEGAN = time.monotonic()
_D = config.TransferConfig()
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
    "output", None, "File to write, or folder.", required=True
)
_GRID = flags.DEFINE_string(
    "grid", None, "ROWSxCOLUMNS: sheet between two or four styles."
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "File of the published encoder's weights (.h5)."
)
# Named as the fields of TransferConfig, which checks them.
flags.DEFINE_string(
    "model",
    _D.model,
    "distilled; vgg16 or vgg19, which need the published encoder; a .keras or "
    ".h5 file, a SavedModel, or a hub handle.",
)
control_flags.define(_D)
flags.DEFINE_integer(
    "size", _D.size, "Longer side of the results; 0: as the photographs."
)
flags.DEFINE_integer(
    "style_size", _D.style_size, "Longer side of the styles; 0: as stored."
)
flags.DEFINE_enum("precision", _D.precision, config.PRECISIONS, "Of the model.")
flags.DEFINE_integer(
    "tile", _D.tile, "Longer images are painted in tiles of so many pixels."
)
_DEVICE = flags.DEFINE_string("device", "auto", "auto, cpu, gpu, gpu:N.")
_MAX_PIXELS = flags.DEFINE_integer(
    "max_pixels", 100_000_000, "Larger images are refused.", lower_bound=1
)
_QUALITY = flags.DEFINE_integer(
    "quality", 95, "Of .jpg and .webp.", lower_bound=1, upper_bound=100
)


def main(argv):
    """Checks everything, then paints."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    settings, grid = _settings(), _grid()
    from tfstyle import devices, files, folders, images

    with cli.flag_errors():
        devices.check(_DEVICE.value)
    items = folders.items(_CONTENT.value, _OUTPUT.value)
    for item in items:
        images.check_format(item.output)
    if len(items) == 1:
        files.check_writable(items[0].output)
    elif grid:
        raise app.UsageError("--grid is for one photograph.")
    scales = settings.scales(len(_STYLE.value))
    styles = [
        _style(path, settings.style_size, scale)
        for path, scale in zip(_STYLE.value, scales, strict=True)
    ]
    painter = _load(settings)
    if grid:
        return _paint_grid(painter, items[0], styles, settings, grid)
    return _paint_all(painter, items, styles, settings)


def _settings():
    values: dict[str, Any] = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(config.TransferConfig)
    }
    for name in ("style_scale", "style_detail"):
        values[name] = tuple(values[name])
    from tfstyle import region_files

    with cli.flag_errors():
        settings = config.TransferConfig(**values)
        apart = region_files.check_roles(_inputs())
        settings.check_styles(len(_STYLE.value), apart)
    return settings


def _inputs():
    """Styles, masks and maps: role -> path, or "alpha"."""
    styles = {f"style {i}": p for i, p in enumerate(_STYLE.value, 1)}
    files = control_flags.files().items()
    return styles | {role: path for role, path in files if path is not None}


def _style(path, size, scale):
    from tfstyle import images

    image = images.load(path, None, _MAX_PIXELS.value)
    height, width = image.shape[:2]
    longer = round((size or max(height, width)) * scale)
    return images.resize(image, *images.fit(height, width, longer))


def _grid():
    """Rows and columns of --grid."""
    if _GRID.value is None:
        return None
    if len(_inputs()) > len(_STYLE.value):
        raise app.UsageError("--grid blends styles, without masks and maps.")
    found = re.fullmatch(r"(\d+)x(\d+)", _GRID.value)
    count = len(_STYLE.value)
    if not found or 0 in map(int, found.groups()) or count not in (2, 4):
        raise app.UsageError(
            f"--grid={_GRID.value}: expected ROWSxCOLUMNS and two or four "
            f"styles, received {count}."
        )
    return int(found[1]), int(found[2])


def _load(settings):
    from tfstyle import devices, presets, weights

    name = settings.model
    if name in presets.FILES or name.endswith(".h5"):
        stored, _ = presets.load(name)
        if not stored["train_encoder"]:
            weights.resolve(
                stored["encoder"], _ENCODER_WEIGHTS.value, progressbar=True
            )
    devices.start(_DEVICE.value)
    from tfstyle import painters

    precision = devices.precision(settings.precision)
    painter = painters.load(
        name, _ENCODER_WEIGHTS.value, precision, settings.tile
    )
    return painters.FinishingPainter(painter, settings)


def _paint_all(painter, items, styles, settings):
    """Paints all items; the exit status."""
    from tfstyle import batch

    task = _Task(painter, styles, settings)
    # A single one is painted again, and its errors are those of the program.
    task.single = len(items) == 1
    painted = failed = 0
    with contextlib.ExitStack() as stack:
        interrupt = stack.enter_context(cli.Interrupt())
        bar = stack.enter_context(_bar(len(items)))
        # After Ctrl-C what was begun is ended, and nothing else is begun.
        wanted = itertools.takewhile(lambda _: not interrupt.status, items)
        for item, error in batch.process(
            wanted, task.read, task.make, task.write
        ):
            bar.update()
            if error and task.single:
                raise error
            if error:
                bar.write(f"skipped '{item.content}': {error}", sys.stderr)
            failed += error is not None
            painted += error is None
    _summarise(items, painted - task.skipped, failed, task)
    return interrupt.status or int(failed > 0)


class _Task:
    """What `batch.process` calls."""

    def __init__(self, painter, styles, settings):
        from tfstyle import provenance

        self.painter, self.styles, self.settings = painter, styles, settings
        inputs = _inputs()
        self.masked = len(inputs) > len(styles)
        self.style = None if self.masked else self._embed(None)
        self.alpha = [role for role, path in inputs.items() if path == "alpha"]
        fixed = {r: path for r, path in inputs.items() if r not in self.alpha}
        self.record = provenance.describe(settings, fixed)
        self.skipped, self.shape, self.single = 0, None, False

    def _embed(self, regions):
        mix, detail = self.settings.style_mix, self.settings.style_detail
        return self.painter.embed(self.styles, mix, detail, regions)

    def read(self, item):
        """The photograph, its regions and the record; `None`s if it is done."""
        from tfstyle import folders, images, provenance

        photo = os.fspath(item.content)
        record = self.record
        for role in ("content", *self.alpha):
            record = provenance.with_input(record, role, photo)
        if not self.single and folders.is_done(item, record):
            return None, None, record
        picture = images.read(photo, _MAX_PIXELS.value)
        if self.settings.size:
            height, width = picture.pixels.shape[:2]
            shape = images.fit(height, width, self.settings.size)
            pixels = images.resize(picture.pixels, *shape)
            picture = dataclasses.replace(picture, pixels=pixels)
        return picture, self._regions(photo, picture), record

    def _regions(self, photo, picture):
        from tfstyle import region_files

        inputs = region_files.with_alpha(_inputs(), photo)
        limit = _MAX_PIXELS.value
        return region_files.read(inputs, photo, picture, self.styles, limit)

    def make(self, item, given):
        """The picture, with what `read` gave."""
        picture, regions, record = given
        if picture is None:
            self.skipped += 1
            return None
        style = self._embed(regions) if self.masked else self.style
        strength = self.settings.strength
        pixels = self.painter.paint(picture.pixels, style, strength, regions)
        self.shape = pixels.shape
        return pixels, picture.alpha, record

    def write(self, item, made):
        """The file."""
        from tfstyle import output

        if made is None:
            return
        pixels, alpha, record = made
        item.output.parent.mkdir(parents=True, exist_ok=True)
        target = output.Output(
            path=os.fspath(item.output),
            record=record,
            alpha=alpha,
            quality=_QUALITY.value,
        )
        target.save(pixels)


def _bar(count):
    import tqdm

    return tqdm.tqdm(
        total=count,
        unit="image",
        dynamic_ncols=True,
        disable=count == 1,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
    )


def _summarise(items, painted, failed, task):
    seconds = time.monotonic() - _BEGAN
    if task.single and painted:
        height, width = task.shape[:2]
        print(f"{items[0].output}: {width}x{height} after {seconds:.1f} s")
        return
    parts = [f"{painted} painted"]
    parts += [f"{task.skipped} were there"] * bool(task.skipped)
    parts += [f"{failed} failed"] * bool(failed)
    print(f"{_OUTPUT.value}: {', '.join(parts)} after {seconds:.1f} s")


def _paint_grid(painter, item, styles, settings, grid):
    """One picture for each cell, from the first style to the others."""
    from tfstyle import images, output, provenance

    size = settings.size or _CELL
    content = images.load(item.content, size, _MAX_PIXELS.value)
    rows = [
        [
            painter.paint(
                content,
                painter.embed(styles, shares, settings.style_detail),
                settings.strength,
            )
            for shares in row
        ]
        for row in _shares(len(styles), *grid)
    ]
    inputs = {**_inputs(), "content": item.content}
    target = output.Output(
        path=os.fspath(item.output),
        record=provenance.describe(settings, inputs),
        quality=_QUALITY.value,
    )
    target.save(images.contact_sheet(rows, content.shape[0]))
    print(f"{target.path}: {grid[0]}x{grid[1]} pictures")


def _shares(styles, rows, columns):
    """Shares of the styles at the corners (two: at the ends of rows)."""
    for i in range(rows):
        down = i / max(rows - 1, 1) if styles == 4 else 0.0
        across = [j / max(columns - 1, 1) for j in range(columns)]
        cells = [
            [(1 - down) * (1 - x), (1 - down) * x, down * (1 - x), down * x]
            for x in across
        ]
        yield [cell[:styles] for cell in cells]


if __name__ == "__main__":
    cli.run(main)
