"""Tiles of a picture: what a network sees at once of one that is too large.

A VGG network with mirrored borders sees each tile in a window with a halo of at
least half its receptive field. Every position of every feature map belongs to
the core of exactly one tile, where the maps are those of the whole picture. So
sums over the cores are sums over the whole maps, and the gradients of the
windows add up to that of the picture. Windows start where the squares of
`winograd` start, so that rounding is that of the whole picture, too: a pooling
or ReLU that decides otherwise would change the gradient.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import keras
import numpy as np

from tfstyle.features import winograd
from tfstyle.features.vgg import MIRRORED
from tfstyle.images import windows
from tfstyle.pretrained import topology
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape

# The first convolution consumes one of the mirrored pixels on each side.
_WIDER = 2 * (MIRRORED - 1)


class Reach(NamedTuple):
    """How far a layer sees.

    Attributes:
        stride: Pixels from one position to the next.
        pixels: Pixels that it sees on each side of what positions stand for.
    """

    stride: int
    pixels: int


def reaches(name: str, layers: Iterable[str]) -> dict[str, Reach]:
    """Returns how far layers of a VGG network see, by name.

    >>> reaches("vgg19", ["block1_conv1", "block5_conv1"])["block5_conv1"]
    Reach(stride=16, pixels=69)

    Args:
        name: Name of the network.
        layers: Names of layers.
    """
    wanted = list(layers)
    found = {}
    stride = pixels = 0
    for step in topology.cut(name, wanted):
        if "pool" in step:
            stride *= 2
        else:
            # The first convolution sees the border, not the halo.
            pixels, stride = pixels + stride, max(stride, 1)
        found[step] = Reach(stride, pixels)
    return {layer: found[layer] for layer in wanted}


class Box(NamedTuple):
    """Rectangle of a feature map, in positions."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices of rows and of columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Tile(NamedTuple):
    """A tile: rows and columns of its window and its core.

    Both count in rows of the map of the first layer.
    """

    rows: windows.Span
    columns: windows.Span

    @property
    def window(self) -> tuple[slice, slice]:
        """Slices of the picture with its mirrored border."""
        rows, columns = self.rows, self.columns
        return (
            slice(rows.start, rows.stop + 2),
            slice(columns.start, columns.stop + 2),
        )

    def seen(self, image: np.ndarray) -> np.ndarray:
        """What a network sees of an image `(height, width, 3)`."""
        rows, columns = (
            _needed(part, side)
            for part, side in zip(self.window, image.shape, strict=False)
        )
        needed = image[rows.pixels, columns.pixels]
        borders = rows.border, columns.border, (0, 0)
        wide = np.pad(needed, borders, "symmetric")
        return wide[rows.shown, columns.shown]

    def core(self, stride: int) -> Box:
        """The core in the whole map of a layer with this stride."""
        top, left = (s.first // stride for s in (self.rows, self.columns))
        bottom, right = (s.last // stride for s in (self.rows, self.columns))
        return Box(top, left, bottom, right)

    def inner(self, stride: int) -> Box:
        """The core in the window's map of a layer with this stride."""
        top, left = (s.start // stride for s in (self.rows, self.columns))
        core = self.core(stride)
        return Box(
            core.top - top,
            core.left - left,
            core.bottom - top,
            core.right - left,
        )


class Tiling:
    """Tiles of an image of a certain shape for a network.

    Args:
        name: Name of a VGG network with mirrored borders.
        layers: Layers whose maps are wanted.
        shape: Height and width of the image, in pixels.
        side: Longest side of a window, in pixels, see `check_side`; a picture
            that is longer by less than a stride is seen at once.

    Attributes:
        image: Height and width of the image, in pixels.
        strides: Stride of each layer, in pixels.
        tiles: The tiles, row by row.
    """

    def __init__(
        self, name: str, layers: Iterable[str], shape: Shape, side: int
    ) -> None:
        found = reaches(name, layers)
        self.image = shape
        self.strides = {layer: reach.stride for layer, reach in found.items()}
        self._lengths = [length + _WIDER for length in shape]
        rows, columns = (
            _spans(length, side, *_step_and_halo(found))
            for length in self._lengths
        )
        self.tiles = [Tile(r, c) for r in rows for c in columns]

    def shape(self, layer: str) -> Shape:
        """Returns the height and width of a layer's whole map."""
        height, width = self._lengths
        stride = self.strides[layer]
        return height // stride, width // stride

    @property
    def window(self) -> Shape:
        """Height and width of the largest window."""
        height, width = (
            max(span.stop - span.start for span in spans)
            for spans in zip(*self.tiles, strict=True)
        )
        return height, width


def check_side(name: str, layers: Iterable[str], side: int) -> None:
    """Raises `ValueError` unless tiles of this side suit a network's layers."""
    stride, halo = _step_and_halo(reaches(name, layers))
    if side % stride or side < _least(stride, halo):
        raise ValueError(
            f"`tile` must be a multiple of {stride}, and at least "
            f"{_least(stride, halo)}, for these layers of {name}. Received: "
            f"tile={side}"
        )


def whole_side(name: str, layers: Iterable[str], shape: Shape) -> int:
    """Returns the least multiple of the stride that holds an image at once."""
    stride, _ = _step_and_halo(reaches(name, layers))
    return -(-(max(shape) + _WIDER) // stride) * stride


def sides(name: str, layers: Iterable[str]) -> tuple[int, int]:
    """Returns the step from one side of tiles to the next, and the least."""
    stride, halo = _step_and_halo(reaches(name, layers))
    return stride, max(4 * halo, _least(stride, halo))


def _least(stride: int, halo: int) -> int:
    """Least side, of which the border leaves some pixels of each core."""
    return 2 * halo + max(_grid(stride), _WIDER)


def _grid(stride: int) -> int:
    """Pixels from one square of the deepest layer to the next."""
    return winograd.STEP * stride


def _step_and_halo(found: Mapping[str, Reach]) -> tuple[int, int]:
    stride = max(reach.stride for reach in found.values())
    most = max(reach.pixels for reach in found.values())
    return stride, -(-most // stride) * stride


def _spans(
    length: int, side: int, stride: int, halo: int
) -> list[windows.Span]:
    """Returns the spans along a side: few, that differ by a square at most."""
    if length < side + stride:
        return [windows.Span(0, 0, length, length)]
    grid = _grid(stride)
    squares = -(-(length - 2 * halo) // grid)
    count = -(-squares // ((side - 2 * halo) // grid))
    # The last window, whose last square may be cut off, has most of them.
    starts = [i * squares // count * grid for i in range(count)]
    cuts = [0, *(start + halo for start in starts[1:]), length]
    stops = [*(cut + halo for cut in cuts[1:-1]), length]
    return [
        windows.Span(*places)
        for places in zip(starts, cuts, cuts[1:], stops, strict=False)
    ]


class _Needed(NamedTuple):
    """Pixels along a side of an image that a part of it with its border needs.

    Attributes:
        pixels: Pixels that it shows, or mirrors.
        border: Numbers of mirrored pixels before and after these.
        shown: The part, in the pixels with this border.
    """

    pixels: slice
    border: tuple[int, int]
    shown: slice


def _needed(part: slice, side: int) -> _Needed:
    start, stop = part.start - MIRRORED, part.stop - MIRRORED
    before, after = max(-start, 0), max(stop - side, 0)
    # A narrow part at an edge mirrors more pixels than it shows.
    first = max(min(start, side - after), 0)
    last = min(max(stop, before), side)
    offset = start - first + before
    shown = slice(offset, offset + stop - start)
    return _Needed(slice(first, last), (before, after), shown)


def bordered(shape: tuple[int, ...], make: scratch.Make) -> np.ndarray:
    """Returns zeros in the form of an image with its mirrored border.

    Args:
        shape: Shape of the image, `(height, width, channels)`.
        make: Function that makes an array of zeros of a shape.
    """
    height, width, channels = shape
    more = 2 * MIRRORED
    return make((height + more, width + more, channels))


def fold(gradient: np.ndarray) -> np.ndarray:
    """Returns the gradient by an image, from that with its mirrored border.

    Changes `gradient`, of which the result is a part.
    """
    for axis in (0, 1):
        along = np.moveaxis(gradient, axis, 0)
        along[MIRRORED : 2 * MIRRORED] += along[:MIRRORED][::-1]
        along[-2 * MIRRORED : -MIRRORED] += along[-MIRRORED:][::-1]
    return gradient[MIRRORED:-MIRRORED, MIRRORED:-MIRRORED]


def unpadded(network: keras.Model) -> keras.Model:
    """Returns a network with mirrored borders without these.

    It has the same layers, and takes what `Tile.seen` returns.

    Args:
        network: VGG network from `extractor` with `border="mirror"`.
    """
    image = keras.Input((None, None, 3), name="image", dtype="float32")
    x = network.get_layer("preprocessing")(image)
    outputs = {}
    for step in topology.cut(network.name, network.output):
        x = network.get_layer(step)(x)
        outputs[step] = x
    names = {layer.name for layer in network.layers}
    for layer in network.output:
        if topology.head(layer) in names:
            outputs[layer] = network.get_layer(topology.head(layer))(
                outputs[layer]
            )
    chosen = {layer: outputs[layer] for layer in network.output}
    return keras.Model(image, chosen, name=network.name)
