"""Images that are too large to be stylized at once, tile by tile.

AdaIN needs the moments of whole feature maps. So a first pass over the tiles
adds them up, and a second one decodes each tile with the moments of all. Tiles
overlap by what the network sees around a pixel, and begin at multiples of its
stride: the picture is the same as if it had been stylized at once, but for
rounding.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from keras import ops

from tfstyle import features
from tfstyle.adain import decoder, embeddings, regional
from tfstyle.adain.network import StyleNetwork
from tfstyle.features import convolution
from tfstyle.pretrained import topology
from tfstyle.runtime.types import Tensor

# What the encoder sees beyond its maps, with a pixel of its first convolution.
_EDGE = features.FAR + 1


class Tile(NamedTuple):
    """A tile along one side, in pixels of the image with its margins.

    Attributes:
        start: Where the tile begins.
        stop: Where it ends.
        first: Where what the network is given begins.
        last: Where that ends.
    """

    start: int
    stop: int
    first: int
    last: int


def tiles(length: int, tile: int, halo: int) -> list[Tile]:
    """Tiles along a side.

    Args:
        length: Of the side, with its margins.
        tile: Length of the tiles; of the last one at most.
        halo: What the network is given on each side of a tile.

    >>> tiles(20, 8, 8)[1]
    Tile(start=8, stop=16, first=0, last=20)
    """
    return [
        Tile(
            start,
            min(start + tile, length),
            max(start - halo, 0),
            min(start + tile + halo, length),
        )
        for start in range(0, length, tile)
    ]


class TiledModel:
    """Applies styles as a model does, with less memory.

    Args:
        model: Whose weights are used.
        tile: Side of the tiles, in pixels; a multiple of 8.
        compiled: Makes the functions that run for each tile faster, such as
            `tf.function`.
    """

    def __init__(
        self,
        model: StyleNetwork,
        tile: int = 1024,
        compiled: Callable[[Callable], Callable] = lambda function: function,
    ) -> None:
        self.model, self.tile = model, tile
        self.halo = halo(model)
        self.encoder = features.network(
            model.settings["encoder"],
            model.layers_seen(),
            border="none",
            dtype=model.dtype_policy,
        )
        self.encoder.set_weights(model.encoder.get_weights())
        convolution.freeze(self.encoder)
        self.encode = compiled(self._encode)
        self.decode = compiled(self._decode)

    def apply_style(
        self,
        content: np.ndarray,
        embedding: Tensor,
        alpha: float = 1.0,
        masks: regional.Masks | None = None,
    ) -> np.ndarray:
        """As `StyleNetwork.apply_style`, for one image `(height, width, 3)`."""
        height, width = content.shape[:2]
        image = content  # Continued as the encoder does.
        for pixels in (*features.WIDENINGS, decoder.MARGIN + 1):
            sides = ((pixels, pixels), (pixels, pixels), (0, 0))
            image = np.pad(image, sides, mode="symmetric")
        own = embeddings.join(self._moments(image, masks))
        target = embeddings.move(own, embedding, alpha)
        margin = decoder.MARGIN
        result = np.empty(
            (height + 2 * margin, width + 2 * margin, 3), np.float32
        )
        for window, down, across in self._windows(image):
            seen = _seen(masks, down, across)
            pixels = ops.convert_to_numpy(
                self.decode(window, own, target, seen)
            )
            part = _inside(pixels[0], down, across)
            rows = slice(down.start, down.start + part.shape[0])
            columns = slice(across.start, across.start + part.shape[1])
            result[rows, columns] = part
        return result[margin : margin + height, margin : margin + width]

    def _windows(
        self, image: np.ndarray
    ) -> Iterator[tuple[np.ndarray, Tile, Tile]]:
        """What the network is given for each tile, and where that is."""
        height, width = (side - 2 * _EDGE for side in image.shape[:2])
        for down in tiles(height, self.tile, self.halo):
            rows = image[down.first : down.last + 2 * _EDGE]
            for across in tiles(width, self.tile, self.halo):
                window = rows[:, across.first : across.last + 2 * _EDGE]
                yield np.ascontiguousarray(window)[None], down, across

    def _moments(
        self, image: np.ndarray, masks: regional.Masks | None
    ) -> dict[str, tuple]:
        """As `StyleNetwork.moments`, of all tiles together."""
        sums: dict[str, list] = {level: [] for level in self.model.channels}
        for window, down, across in self._windows(image):
            maps = self.encode(window)
            for level, parts in sums.items():
                values = ops.convert_to_numpy(ops.cast(maps[level], "float32"))
                part = _inside(values[0], down, across, topology.stride(level))
                flat = part.reshape(-1, part.shape[-1]).astype(np.float64)
                shares = np.ones((1, len(flat)))
                if masks is not None:
                    rows, columns = _place(down, across, topology.stride(level))
                    shares = masks[level][:, rows, columns, 0]
                    shares = shares.reshape(len(shares), -1).astype(np.float64)
                parts.append(
                    (
                        shares.sum(1, keepdims=True),
                        shares @ flat,
                        shares @ np.square(flat),
                    )
                )
        epsilon = self.model.adain.epsilon
        return {
            level: _mean_deviation(parts, epsilon)
            for level, parts in sums.items()
        }

    def _encode(self, window: Tensor) -> dict[str, Tensor]:
        pixels = window[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
        return {**self.encoder(window), topology.IMAGE: pixels}

    def _decode(
        self,
        window: Tensor,
        own: Tensor,
        target: Tensor,
        masks: regional.Masks | None,
    ) -> Tensor:
        image = self.model.restyle(self._encode(window), own, target, masks)
        return ops.clip(image, 0.0, 1.0)


def _mean_deviation(parts: list[tuple], epsilon: float) -> tuple:
    count, total, squares = (sum(part) for part in zip(*parts, strict=True))
    count = np.maximum(count, _TINY)  # A region may be between positions.
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    moments = mean, np.sqrt(variance + epsilon)
    return tuple(m.astype(np.float32)[:, None, None] for m in moments)


_TINY = 1e-12


def _seen(
    masks: regional.Masks | None, down: Tile, across: Tile
) -> regional.Masks | None:
    """Masks of what the network is given for a tile."""
    if masks is None:
        return None
    found = {}
    for level, mask in masks.items():
        stride = topology.stride(level)
        rows, columns = (
            slice(tile.first // stride, tile.last // stride)
            for tile in (down, across)
        )
        found[level] = mask[:, rows, columns]
    return found


def _place(down: Tile, across: Tile, stride: int) -> tuple[slice, slice]:
    """Rows and columns of a tile in the maps of the whole image."""
    rows, columns = (
        slice(tile.start // stride, tile.stop // stride)
        for tile in (down, across)
    )
    return rows, columns


def _inside(
    values: np.ndarray, down: Tile, across: Tile, stride: int = 1
) -> np.ndarray:
    """The part of a window's maps that belongs to its tile."""
    rows, columns = (
        slice(
            (tile.start - tile.first) // stride,
            (tile.stop - tile.first) // stride,
        )
        for tile in (down, across)
    )
    return values[rows, columns]


def halo(model: StyleNetwork) -> int:
    """Pixels around one that the model sees, as a multiple of 8.

    On the way down each convolution sees one position more on each side, and
    pooling one at most; on the way up the same convolutions and doublings.
    """
    deepest = max(model.layers_seen(), key=topology.block)
    down = topology.cut(model.settings["encoder"], [deepest])
    seen = sum(topology.stride(layer) for layer in down)
    for stage, depth in enumerate(model.settings["depths"]):
        seen += 2**stage * (depth + 1)
    return -8 * (-seen // 8)
