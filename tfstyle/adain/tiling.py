"""Stylizes large images tile by tile, without seams.

AdaIN needs the moments of whole feature maps. So a first pass over the tiles
adds them up, and a second pass decodes each tile with the moments of all. Tiles
overlap by what the network sees around a pixel, and begin at multiples of its
stride. But for rounding, the picture is the same as if it had been stylized at
once.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from keras import ops

from tfstyle import features
from tfstyle.adain import decoder, embeddings, regional
from tfstyle.adain.network import StyleNetwork
from tfstyle.features import convolution, grain
from tfstyle.pretrained import topology
from tfstyle.runtime.types import Tensor

# Pixels that the encoder sees beyond its maps; 1 is of its first convolution.
_EDGE = features.FAR + 1
# Pixels that are mirrored at each edge, one after the other.
_MARGINS = (*features.WIDENINGS, decoder.MARGIN + 1)


class Tile(NamedTuple):
    """Extent of a tile along one side, in pixels of the image with its margins.

    Attributes:
        start: First pixel of the tile.
        stop: Pixel after the tile.
        first: First pixel that the network sees.
        last: Pixel after those that the network sees.
    """

    start: int
    stop: int
    first: int
    last: int


def tiles(length: int, tile: int, around: int) -> list[Tile]:
    """Divides a side into tiles.

    Args:
        length: Length of the side with its margins, in pixels.
        tile: Length of the tiles, in pixels; the last one may be shorter.
        around: Pixels that the network sees on each side of a tile.

    >>> tiles(20, 8, 8)[1]
    Tile(start=8, stop=16, first=0, last=20)
    """
    return [
        Tile(
            start,
            min(start + tile, length),
            max(start - around, 0),
            min(start + tile + around, length),
        )
        for start in range(0, length, tile)
    ]


class TiledModel:
    """Applies styles like `StyleNetwork`, with less memory.

    Args:
        model: Model whose weights are used.
        tile: Side of the tiles, in pixels; a multiple of 8.
        compiled: Compiler of the functions that run for each tile, such as
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
        with convolution.weights_follow():
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
        """Gives one image `(height, width, 3)` the style of an embedding.

        See `StyleNetwork.apply_style`.
        """
        image = _mirrored(content)
        own = embeddings.join(self._moments(image, masks))
        return self._applied(image, own, embedding, alpha, masks)

    def apply_next(
        self,
        content: np.ndarray,
        embedding: Tensor,
        alpha: float,
        before: np.ndarray,
        share: float,
        masks: regional.Masks | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Gives a frame `(height, width, 3)` of a clip a style.

        See `StyleNetwork.apply_next`.
        """
        image = _mirrored(content)
        own = ops.convert_to_numpy(embeddings.join(self._moments(image, masks)))
        own = before + np.float32(share) * (own - before)
        return self._applied(image, own, embedding, alpha, masks), own

    def _applied(
        self,
        image: np.ndarray,
        own: Tensor,
        embedding: Tensor,
        alpha: float,
        masks: regional.Masks | None,
    ) -> np.ndarray:
        """Paints an image with its margins, which the result lacks."""
        target = embeddings.move(own, embedding, alpha)
        height, width = (side - 2 * _EDGE for side in image.shape[:2])
        result = np.empty((height, width, 3), np.float32)
        for window, down, across in self._windows(image):
            seen = _seen(masks, down, across)
            pixels = ops.convert_to_numpy(
                self.decode(*window, own, target, seen)
            )
            part = _inside(pixels[0], down, across)
            rows = slice(down.start, down.start + part.shape[0])
            columns = slice(across.start, across.start + part.shape[1])
            result[rows, columns] = part
        margin = decoder.MARGIN
        return result[margin : height - margin, margin : width - margin]

    def _windows(
        self, image: np.ndarray
    ) -> Iterator[tuple[tuple[np.ndarray, Tensor], Tile, Tile]]:
        """Yields what the network sees of each tile, with its grain, and it."""
        rows, columns = (
            _places(side - 2 * sum(_MARGINS)) for side in image.shape[:2]
        )
        height, width = (side - 2 * _EDGE for side in image.shape[:2])
        for down in tiles(height, self.tile, self.halo):
            y = slice(down.first, down.last + 2 * _EDGE)
            for across in tiles(width, self.tile, self.halo):
                x = slice(across.first, across.last + 2 * _EDGE)
                window = np.ascontiguousarray(image[y, x])[None]
                yield (window, grain.noise(rows[y], columns[x])), down, across

    def _moments(
        self, image: np.ndarray, masks: regional.Masks | None
    ) -> dict[str, tuple]:
        """Returns the moments of all tiles together, by level."""
        sums: dict[str, list] = {level: [] for level in self.model.channels}
        for window, down, across in self._windows(image):
            maps = self.encode(*window)
            for level, parts in sums.items():
                values = ops.convert_to_numpy(ops.cast(maps[level], "float32"))
                part = _inside(values[0], down, across, topology.stride(level))
                flat = part.reshape(-1, part.shape[-1]).astype(np.float64)
                weights = np.ones((1, len(flat)))
                if masks is not None:
                    rows, columns = _place(down, across, topology.stride(level))
                    weights = masks[level][:, rows, columns, 0]
                    weights = weights.reshape(len(weights), -1)
                    weights = weights.astype(np.float64)
                parts.append(
                    (
                        weights.sum(1, keepdims=True),
                        weights @ flat,
                        weights @ np.square(flat),
                    )
                )
        epsilon = self.model.adain.epsilon
        return {
            level: _mean_deviation(parts, epsilon)
            for level, parts in sums.items()
        }

    def _encode(self, window: Tensor, noise: Tensor) -> dict[str, Tensor]:
        pixels = window[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
        return {**self.encoder(window + noise), topology.IMAGE: pixels}

    def _decode(
        self,
        window: Tensor,
        noise: Tensor,
        own: Tensor,
        target: Tensor,
        masks: regional.Masks | None,
    ) -> Tensor:
        maps = self._encode(window, noise)
        image = self.model.restyle(maps, own, target, masks)
        return ops.clip(image, 0.0, 1.0)


def _mirrored(content: np.ndarray) -> np.ndarray:
    """Adds margins, mirrored at the edges as in the encoder."""
    rows, columns = map(_places, content.shape[:2])
    return content[rows[:, None], columns]


def _places(length: int) -> np.ndarray:
    """Returns the rows, or columns, along a side with its mirrored margins."""
    places = np.arange(length)
    for pixels in _MARGINS:
        places = np.pad(places, pixels, mode="symmetric")
    return places


def _mean_deviation(parts: list[tuple], epsilon: float) -> tuple:
    count, total, squares = (sum(part) for part in zip(*parts, strict=True))
    # A small region may lie between the positions of deep maps.
    count = np.maximum(count, _TINY)
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0)
    moments = mean, np.sqrt(variance + epsilon)
    return tuple(m.astype(np.float32)[:, None, None] for m in moments)


_TINY = 1e-12


def _seen(
    masks: regional.Masks | None, down: Tile, across: Tile
) -> regional.Masks | None:
    """Crops masks to what the network sees of a tile."""
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
    """Returns the rows and columns of a tile in the maps of the whole image."""
    rows, columns = (
        slice(tile.start // stride, tile.stop // stride)
        for tile in (down, across)
    )
    return rows, columns


def _inside(
    values: np.ndarray, down: Tile, across: Tile, stride: int = 1
) -> np.ndarray:
    """Crops the maps of what the network sees to the tile."""
    rows, columns = (
        slice(
            (tile.start - tile.first) // stride,
            (tile.stop - tile.first) // stride,
        )
        for tile in (down, across)
    )
    return values[rows, columns]


def halo(model: StyleNetwork) -> int:
    """Returns how far the model sees around a pixel, as a multiple of 8.

    Going down, each convolution sees one position more on each side, and each
    pooling at most one; going up, so do each convolution and each doubling.
    """
    deepest = max(model.layers_seen(), key=topology.block)
    down = topology.cut(model.settings["encoder"], [deepest])
    seen = sum(topology.stride(layer) for layer in down)
    for stage, depth in enumerate(model.settings["depths"]):
        seen += 2**stage * (depth + 1)
    return -8 * (-seen // 8)
