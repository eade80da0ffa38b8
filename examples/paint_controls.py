r"""Paints the sheets of this folder that show the controls.

Needs tfstyle with its extra "report", and Chromium for the sheet `report`.
Without names it paints all sheets, without a folder beside this file. Example:

  python examples/paint_controls.py --folder=/tmp/sheets color pairs

All settings but those on the labels are the defaults. A sheet has rows of
cells, each a tuple of a label and the pictures above it. Sizes are in pixels,
shapes in fractions of the sides of a picture.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

import tfstyle
from tfstyle import images, regions
from tfstyle.controls import semantic_maps
from tfstyle.controls.settings import COLORS

HERE = pathlib.Path(__file__).parent
GAP, LINE = 8, 18  # Between cells, and for a label.
BYTES = 170_000  # At most, for a sheet.
STYLE_SIZE = 512  # As tfstyle.transfer has it.
SMOOTH = Image.Resampling.LANCZOS
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WINDOW = "1110,2470"  # Of the browser that shows the report.
VGG19 = {"features": "vgg19"}

# What the photographs are of: two corners of an ellipse, or a polygon.
SHAPES = {
    "cat": [(0.12, -0.1), (0.82, 1.05)],
    "astronaut": [
        *((0.40, 0.02), (0.52, 0.03), (0.60, 0.12), (0.55, 0.31), (0.70, 0.50)),
        *((0.73, 0.65), (1.00, 0.75), (1.00, 1.00), (0.02, 1.00), (0.05, 0.62)),
        *((0.12, 0.47), (0.24, 0.42), (0.26, 0.30), (0.31, 0.22), (0.30, 0.10)),
    ],
    "coffee": [(0.115, 0.02), (0.81, 0.99)],
}
GROUND = [(0, 0.8), (0.45, 0.785), (1, 0.74), (1, 1), (0, 1)]
BLUE, YELLOW = (0, 64, 224), (255, 221, 0)


class Engines:
    """Paints in one pass, and by optimization.

    Args:
        vgg19: File of VGG19's weights; the published one if `None`.
    """

    def __init__(self, vgg19):
        self._model = tfstyle.StyleModel.from_preset("distilled")
        self._vgg19 = vgg19

    def transfer(self, photo, styles, strength=1.0, **controls):
        """Returns the picture of one pass."""
        return self._model.stylize(photo, styles, strength, **controls)

    def optimize(
        self, photo, styles, regions=None, features="vgg_distilled", **controls
    ):
        """Returns the picture of an optimization at the photograph's size."""
        config = tfstyle.GatysConfig(
            size=max(photo.shape[:2]),
            features=features,
            feature_weights=self._vgg19 if features == "vgg19" else None,
            **controls,
        )
        return tfstyle.stylize(photo, styles, config, regions=regions)


def color(engines):
    """Yields rows: pairs with each source of the colors."""
    for name, style_name, paint, size in (
        ("astronaut", "woodcut", engines.transfer, 320),
        ("coffee", "stained_glass", engines.optimize, 256),
        ("cat", "impasto", engines.optimize, 256),
        ("astronaut", "watercolor", engines.transfer, 320),
    ):
        photo, style = load(name, size), load(style_name)
        row = [(name, photo), (spoken(style_name), style)]
        for mode in COLORS:
            picture = paint(photo, style, color=mode)
            row.append((f"{paint.__name__}: {mode}", picture))
        yield row


def pairs(engines):
    """Yields rows: a photograph and two styles with all controls."""
    for name, *style_names in (
        ("cat", "impasto", "woodcut"),
        ("astronaut", "woodcut", "impasto"),
        ("coffee", "stained_glass", "impasto"),
        ("astronaut", "pointillism", "watercolor"),
    ):
        photo, both = load(name, 320), [load(style) for style in style_names]
        first, half = both[0], load(style_names[0], STYLE_SIZE // 2)
        mask = drawn(photo, SHAPES[name])
        _, alike = mapped(photo, SHAPES[name], first)
        row = [(name, photo), (spoken(*style_names), *both)]
        for label, styles, controls in (
            ("strength 0.5", first, {"strength": 0.5}),
            ("luminance", first, {"color": "luminance"}),
            ("content_mask", both, masked(photo, both, [mask])),
            ("keep_mask", first, masked(photo, [first], keep_mask=mask)),
            ("maps", first, alike),
            ("style_detail", both, {"style_detail": ("coarse", "fine")}),
            ("style_scale 0.5", half, {}),
            ("photorealistic", first, {"photorealistic": True}),
        ):
            row.append((label, engines.transfer(photo, styles, **controls)))
        yield row


def by_region(engines):
    """Yields rows: two styles, a kept cup, maps, and forms and strokes."""
    cat, astronaut, coffee = (load(name, 256) for name in SHAPES)
    person = drawn(astronaut, SHAPES["astronaut"])
    cup = drawn(coffee, SHAPES["coffee"])
    flowers, night = load("watercolor"), load("impasto")
    window, waves = load("stained_glass"), load("woodcut")
    (here, there), alike = mapped(coffee, SHAPES["coffee"], night)
    apart = masked(astronaut, [flowers, night], [person])
    kept = masked(coffee, [window], keep_mask=cup)
    rest = ("watercolor; impasto for the rest", flowers, night)
    ground = ("impasto; style_map", night, there)
    both = ("style_detail: coarse; fine", window, waves)
    for photo, mask, shown, controls in (
        (astronaut, ("content_mask", person), rest, apart),
        (coffee, ("keep_mask", cup), ("stained glass", window), kept),
        (coffee, ("content_map", here), ground, alike),
        (cat, ("",), both, {"style_detail": ("coarse", "fine")}),
    ):
        styles = [image for image in shown[1:] if image is not there]
        row = [("photograph", photo), mask, shown]
        for paint in (engines.optimize, engines.transfer):
            row.append((paint.__name__, paint(photo, styles, **controls)))
        yield row


def strength(engines):
    """Yields rows: pairs with rising strength, and photorealistic."""
    style_names = ("impasto", "stained_glass", "woodcut")
    for name, style_name in zip(SHAPES, style_names, strict=True):
        photo, style = load(name, 192), load(style_name)
        for first, paint, more in (
            ((name, photo), engines.transfer, {}),
            ((spoken(style_name), style), engines.optimize, VGG19),
        ):
            row = [first]
            for share in (0.25, 0.5, 0.75, 1):
                picture = paint(photo, style, strength=share, **more)
                row.append((f"{paint.__name__} {share}", picture))
            picture = paint(photo, style, photorealistic=True, **more)
            yield [*row, ("photorealistic", picture)]


def report():
    """Returns the top of a report of tfstyle.optimize, as Chromium shows it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"`report` needs one of {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                *(sys.executable, "-m", "tfstyle.optimize", "--size=320"),
                *(f"--content={HERE}/cat.jpg", f"--style={HERE}/impasto.jpg"),
                *(f"--output={folder}/cat.png", f"--report={folder}/cat.html"),
                "--features=vgg_distilled",
            ],
            check=True,
        )
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *(f"--user-data-dir={folder}", f"--window-size={WINDOW}"),
                *(f"--screenshot={folder}/page.png", f"{folder}/cat.html"),
            ],
            check=True,
        )
        with Image.open(f"{folder}/page.png") as page:
            return fitted(page.convert("RGB"), (640, 1500))


def load(name, size=STYLE_SIZE):
    """Returns an image of this folder, with a longer side of `size`."""
    return images.load(HERE / f"{name}.jpg", size)


def spoken(*names):
    """Returns the names of files as a label."""
    return ", ".join(names).replace("_", " ")


def drawn(like, shape, inside="white", outside="black"):
    """Draws a shape on an image of the size of `like`, with smooth edges."""
    height, width = like.shape[:2]
    image = Image.new("RGB", (4 * width, 4 * height), outside)
    draw = ImageDraw.Draw(image)
    points = [(4 * width * x, 4 * height * y) for x, y in shape]
    (draw.polygon if len(points) > 2 else draw.ellipse)(points, fill=inside)
    return image.resize((width, height), Image.Resampling.BOX)


def masked(photo, styles, *masks, **kept):
    """Returns the control of regions by masks."""
    return {"regions": regions.from_masks(photo, styles, *masks, **kept)}


def mapped(photo, shape, style):
    """Returns maps, the shape like the style's ground, and their control."""
    places = ((photo, shape), (style, GROUND))
    maps = [drawn(*place, YELLOW, BLUE) for place in places]
    return maps, {"regions": semantic_maps.from_maps(photo, [style], *maps)}


def sheet(rows, width, height, fill=False):
    """Places rows of cells on white.

    The pictures of a cell have a width and height together. They fit in it, or
    `fill` it; several fill it in any case.
    """
    rows = list(rows)
    across, down = width + GAP, height + LINE + GAP
    shape = len(rows[0]) * across + GAP, len(rows) * down + GAP
    page = Image.new("RGB", shape, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for j, row in enumerate(rows):
        for i, (label, *pictures) in enumerate(row):
            x, y = i * across + GAP, j * down + GAP
            draw.text((x, y + height + 2), label, "black", font)
            share = (width + 2) // max(len(pictures), 1)
            for k, picture in enumerate(pictures):
                box = share - 2, height
                part = fitted(picture, box, fill or len(pictures) > 1)
                page.paste(part, (x + k * share, y))
    return page


def fitted(picture, size, fill=False):
    """Returns a picture that fills a size, or fits in it, as Pillow image."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(np.round(picture * 255).astype(np.uint8))
    if fill:  # Heads are at the top.
        return ImageOps.fit(picture, size, SMOOTH, centering=(0.5, 0))
    return ImageOps.contain(picture, size, SMOOTH)


def save(page, path):
    """Writes a sheet in the best quality that has few bytes."""
    for quality in range(90, 50, -2):
        page.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size <= BYTES:
            break
    print(f"{path}: {path.stat().st_size} bytes, quality {quality}")


SHEETS = {
    "color": lambda engines: sheet(color(engines), 168, 126, fill=True),
    "pairs": lambda engines: sheet(pairs(engines), 128, 86),
    "regions": lambda engines: sheet(by_region(engines), 225, 138),
    "strength": lambda engines: sheet(strength(engines), 144, 96),
    "report": lambda engines: report(),
}


def main():
    """Paints the sheets that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(SHEETS))
    parser.add_argument("--folder", type=pathlib.Path, default=HERE)
    parser.add_argument("--vgg19", help="file of VGG19's weights, for strength")
    args = parser.parse_args()
    if unknown := set(args.names) - set(SHEETS):
        parser.error(f"no such sheet: {', '.join(unknown)}")
    args.folder.mkdir(parents=True, exist_ok=True)
    engines = Engines(args.vgg19)
    for name in args.names or SHEETS:
        save(SHEETS[name](engines), args.folder / f"controls_{name}.jpg")


if __name__ == "__main__":
    main()
