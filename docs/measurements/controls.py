"""Measures strength, kept colors and photorealistic pictures of both engines.

From the root of the repository:

  python docs/measurements/controls.py /path/to/vgg19.h5

prints rows of docs/measurements/pictures.md#controls. The file has VGG19's
weights, for the distances of content and one of the two optimizations.
"""

import pathlib
import sys

import numpy as np

import tfstyle
from tfstyle import images
from tfstyle.controls import color
from tfstyle.judging import reference
from tfstyle.optimization.config import GatysConfig

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
PAIRS = (
    ("cat", "impasto"),
    ("astronaut", "stained_glass"),
    ("coffee", "woodcut"),
    ("astronaut", "watercolor"),
)


def pair(names, size):
    """Photograph and style, the first at a size."""
    photo, style = (images.load(EXAMPLES / f"{name}.jpg") for name in names)
    scale = size / max(photo.shape[:2])
    sides = (round(side * scale) for side in photo.shape[:2])
    return images.resize(photo, *sides), style


class Engines:
    """Both engines, and VGG19 for distances of content.

    Args:
        path: File of VGG19's weights.
    """

    def __init__(self, path):
        self._weights, self._network = path, None
        self._model = tfstyle.StyleModel.from_preset("distilled")

    def transfer(self, photo, style, strength=1.0, **settings):
        """Returns the picture of one pass."""
        return self._model.stylize(photo, style, strength, **settings)

    def optimize(self, photo, style, features="vgg_distilled", **settings):
        """Returns the picture of an optimization at the photograph's size."""
        weights = self._weights if features == "vgg19" else None
        config = GatysConfig(
            size=max(photo.shape[:2]),
            features=features,
            feature_weights=weights,
            **settings,
        )
        return tfstyle.stylize(photo, style, config)

    def content(self, picture, photo):
        """Returns the relative squared distance of block4_conv2."""
        if self._network is None:
            self._network = reference.make_network("vgg19", self._weights)
        maps, target = (
            self._network(image[None])[reference.CONTENT_LAYER]
            for image in (picture, photo)
        )
        return float(reference.content_distance(maps, target))


def palette(picture, photo):
    """Returns the distance of quantiles of colors along 60 axes."""
    axes = np.random.default_rng(0).normal(size=(3, 60))
    axes /= np.linalg.norm(axes, axis=0)
    places = np.linspace(0.005, 0.995, 100)
    one, other = (
        np.quantile(image.reshape(-1, 3) @ axes, places, axis=0)
        for image in (picture, photo)
    )
    return np.sqrt(np.mean((one - other) ** 2))


def chroma(picture, photo):
    """Returns the root mean square difference of colors without luminance."""
    one, other = (
        image - color.luminance(image)[..., None] for image in (picture, photo)
    )
    return np.sqrt(np.mean((one - other) ** 2))


def edges(picture, photo):
    """Returns the correlation of the lengths of luminance gradients."""
    found = [
        np.hypot(*np.gradient(color.luminance(image))).ravel()
        for image in (picture, photo)
    ]
    return np.corrcoef(*found)[0, 1]


def flat(picture, photo):
    """Returns the deviation of lightness in the photograph's flattest tenth."""
    one, other = (_deviations(image) for image in (picture, photo))
    return one[other <= np.quantile(other, 0.1)].mean()


def _deviations(image):
    """Returns the deviation of luminance in squares of 8 pixels."""
    rows, columns = (side // 8 * 8 for side in image.shape[:2])
    gray = color.luminance(image)[:rows, :columns]
    return gray.reshape(rows // 8, 8, columns // 8, 8).std((1, 3)).ravel()


def row(*cells):
    """Prints a row of a table as soon as it is known."""
    text = (f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells)
    print("|", " | ".join(text), "|", flush=True)


def colors(engines):
    """Prints distances of palettes and chroma by mode."""
    modes = ("style", "luminance", "statistics", "histogram")
    for names in PAIRS:
        for name, size, more in (
            ("optimize", 256, {"steps": 50}),
            ("transfer", 320, {}),
        ):
            photo, style = pair(names, size)
            paint = getattr(engines, name)
            found = [paint(photo, style, color=mode, **more) for mode in modes]
            for measure in (palette, chroma):
                values = (f"{measure(p, photo):.3f}" for p in found)
                row(", ".join(names), name, measure.__name__, *values)


def photorealistic(engines):
    """Prints how edges and flat squares stay."""
    for names in PAIRS:
        photo, style = pair(names, 192)
        row(", ".join(names), "photograph", "", float(flat(photo, photo)))
        for name in ("transfer", "optimize"):
            paint = getattr(engines, name)
            for on in (False, True):
                picture = paint(photo, style, photorealistic=on)
                found = (float(m(picture, photo)) for m in (edges, flat))
                row(", ".join(names), name, on, *found)


def strengths(engines):
    """Prints distances of content by strength at a single size."""
    photo, style = pair(PAIRS[2], 128)
    for name, more in (
        ("transfer", {}),
        ("optimize", {}),
        ("optimize", {"features": "vgg19"}),
    ):
        paint = getattr(engines, name)
        found = [
            engines.content(paint(photo, style, strength=s / 10, **more), photo)
            for s in range(11)
        ]
        features = more.get("features", "vgg_distilled")
        row(name, features, *(f"{value:.3f}" for value in found))


def both(engines):
    """Prints the content of optimize over that of transfer by strength."""
    for names in PAIRS[:3]:
        photo, style = pair(names, 192)
        ratios = []
        for strength in (0.25, 0.5, 0.75, 1.0):
            one, other = (
                engines.content(
                    paint(photo, style, strength=strength, **more), photo
                )
                for paint, more in (
                    (engines.optimize, {"features": "vgg19"}),
                    (engines.transfer, {}),
                )
            )
            ratios.append(one / other)
        row(", ".join(names), *ratios)


if __name__ == "__main__":
    engines = Engines(sys.argv[1])
    for table in (colors, photorealistic, strengths, both):
        print(table.__doc__)
        table(engines)
