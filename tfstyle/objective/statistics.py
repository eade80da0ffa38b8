"""Statistics of feature maps, of which the targets of style losses are made.

An image is seen whole or in tiles, see `features.tiles`: the statistics of the
whole maps are put together from those of the tiles.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tfstyle import features, losses
from tfstyle.controls import regions
from tfstyle.features import tiles
from tfstyle.images.sizes import stride
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape, Tensor

Masks = Sequence[np.ndarray | None]


class Moments(NamedTuple):
    """Mean and covariance of the feature vectors at a layer, in a region.

    Attributes:
        mean: Mean, `(1, channels)`.
        covariance: Covariance, `(1, channels, channels)`.
    """

    mean: Tensor
    covariance: Tensor

    def second(self) -> Tensor:
        """Returns the mean outer product: the Gram matrix."""
        return self.covariance + self.mean[:, :, None] * self.mean[:, None, :]


class Seen(NamedTuple):
    """What a network sees in an image.

    Attributes:
        maps: Whole maps `(1, height, width, channels)` of the layers that were
            asked for, by layer.
        moments: Moments of each mask, by layer.
        weights: Weights of positions for each mask, as `losses` takes them, by
            layer; `None` for all of the image.
        strides: Pixels from one position of the maps to the next, by layer.
    """

    maps: dict[str, Tensor]
    moments: dict[str, list[Moments]]
    weights: dict[str, list[np.ndarray | None]]
    strides: dict[str, int]


def see(
    network: keras.Model,
    image: np.ndarray,
    kept: Iterable[str],
    measured: Iterable[str],
    masks: Masks = (None,),
    side: int | None = None,
    make: scratch.Make = scratch.zeros,
) -> Seen:
    """Computes maps and moments of an image.

    Args:
        network: Network with mirrored borders.
        image: Image, `(height, width, 3)`.
        kept: Layers whose whole maps are wanted.
        measured: Layers whose moments are wanted.
        masks: Masks of the image; `None` for all of it.
        side: Longest side that the network sees at once, for a VGG network;
            `None` for no limit.
        make: Function that makes the maps of an image in tiles.
    """
    if side is not None:
        given = [*kept], [*measured], masks, side, make
        return _in_tiles(network, image, *given)
    maps = network(image[None])
    shapes = {layer: tuple(x.shape[1:3]) for layer, x in maps.items()}
    weights = _weights(
        network, image, masks, {layer: shapes[layer] for layer in measured}
    )
    return Seen(
        {layer: maps[layer] for layer in kept},
        {
            layer: [
                Moments(*losses.mean_covariance(maps[layer], weight))
                for weight in found
            ]
            for layer, found in weights.items()
        },
        weights,
        _strides(network, image, shapes),
    )


def _weights(
    network: keras.Model,
    image: np.ndarray,
    masks: Masks,
    shapes: Mapping[str, Shape],
) -> dict[str, list[np.ndarray | None]]:
    """Weights of the positions of maps, of mean 1, for each mask, by layer."""
    border = features.border(network)
    wide = [
        None
        if mask is None
        else regions.bordered(mask, image.shape[:2], border)
        for mask in masks
    ]
    return {
        layer: [None if x is None else _positions(x, shape) for x in wide]
        for layer, shape in shapes.items()
    }


def _positions(mask: np.ndarray, shape: Shape) -> np.ndarray:
    small = regions.on_maps(mask, shape)
    return (small / small.mean()).reshape(1, -1, 1)


def _strides(
    network: keras.Model, image: np.ndarray, shapes: Mapping[str, Shape]
) -> dict[str, int]:
    axis = int(np.argmax(image.shape[:2]))
    length = image.shape[axis] + 2 * features.border(network)
    return {
        layer: stride(length, shape[axis]) for layer, shape in shapes.items()
    }


def _in_tiles(
    network: keras.Model,
    image: np.ndarray,
    kept: Sequence[str],
    measured: Sequence[str],
    masks: Masks,
    side: int,
    make: scratch.Make,
) -> Seen:
    tiling = tiles.Tiling(network.name, network.output, image.shape[:2], side)
    part = tiles.unpadded(network)
    shapes = {layer: tiling.shape(layer) for layer in network.output}
    weights = _weights(
        network, image, masks, {layer: shapes[layer] for layer in measured}
    )
    sums = {layer: [Sum() for _ in masks] for layer in measured}
    maps: dict[str, np.ndarray] = {}
    for tile in tiling.tiles:
        seen = part(tile.seen(image)[None])
        scratch.release(image)
        for layer, step in tiling.strides.items():
            rows, columns = tile.inner(step).slices
            core = tile.core(step).slices
            found = seen[layer][:, rows, columns]
            if layer in kept:
                array = ops.convert_to_numpy(found)[0]
                if layer not in maps:
                    sides = 1, *shapes[layer], array.shape[-1]
                    maps[layer] = make(sides, array.dtype)
                maps[layer][0][core] = array
                scratch.release(maps[layer])
            regional = weights.get(layer, ()), sums.get(layer, ())
            for weight, total in zip(*regional, strict=True):
                own = part_weights(weight, shapes[layer], core)
                total.add(*part_moments(found, own))
    moments = {layer: [s.moments() for s in of] for layer, of in sums.items()}
    return Seen(maps, moments, weights, tiling.strides)


def mean_square(
    maps: np.ndarray, subtracted: np.ndarray | None = None
) -> float:
    """Returns the mean square of maps in tiles, row by row, in float64.

    Args:
        maps: Maps, `(1, height, width, channels)`; may be in a file.
        subtracted: Maps to subtract before.
    """
    total = 0.0
    for i, row in enumerate(maps[0]):
        found = row.astype(np.float64)
        if subtracted is not None:
            found -= subtracted[0, i]
        total += np.square(found).mean()
    scratch.release(maps, subtracted)
    return float(total / maps.shape[1])


def part_weights(
    weights: np.ndarray | None, shape: Shape, core: tuple[slice, slice]
) -> np.ndarray | None:
    """Returns the weights of a part of a map, as `losses` takes them.

    Args:
        weights: Weights of the map, from `Seen`.
        shape: Height and width of the map.
        core: Rows and columns of the part.
    """
    if weights is None:
        return None
    return weights.reshape(shape)[core].reshape(1, -1, 1)


def part_moments(
    maps: Tensor, weights: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the moments of a part of a map, with its weight.

    Args:
        maps: Part of the maps, `(1, height, width, channels)`.
        weights: Weights of its positions, `(1, height * width, 1)`, of any
            mean; may all be 0.

    Returns:
        Sum of the weights, a scalar, mean and covariance.
    """
    count = ops.cast(ops.prod(ops.shape(maps)[1:3]), "float32")
    if weights is None:
        return (count, *losses.mean_covariance(maps))
    total = ops.sum(weights)
    # A region may be elsewhere: then all is 0.
    scale = count / ops.maximum(total, 1e-12)
    return (total, *losses.mean_covariance(maps, weights * scale))


class Sum:
    """Sum of the moments of parts, in float64.

    Reference: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise
    Algorithm for Computing Sample Variances", 1979.
    """

    def __init__(self) -> None:
        self._weight = 0.0
        self._mean = self._scatter = np.zeros(())

    def add(self, weight: Tensor, mean: Tensor, covariance: Tensor) -> None:
        """Adds the moments of a part, from `part_moments`."""
        weight, mean, covariance = (
            ops.convert_to_numpy(x).astype(np.float64)
            for x in (weight, mean, covariance)
        )
        if not weight:
            return
        total = self._weight + weight
        gap = mean - self._mean
        spread = gap[:, :, None] * gap[:, None, :]
        self._scatter = (
            self._scatter
            + weight * covariance
            + weight * self._weight / total * spread
        )
        self._mean = self._mean + weight / total * gap
        self._weight = total

    def moments(self) -> Moments:
        """Returns the moments of all parts together, in float32."""
        return Moments(
            self._mean.astype(np.float32),
            (self._scatter / self._weight).astype(np.float32),
        )


def blend(statistics: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Returns the sum of statistics, each times its share."""
    return sum(share * s for share, s in zip(shares, statistics, strict=True))


def blend_moments(
    sources: Sequence[Moments], shares: Sequence[float]
) -> Moments:
    """Blends styles by their first two moments, as crowsonkb does."""
    if len(sources) == 1:
        return sources[0]
    mean = blend([source.mean for source in sources], shares)
    second = blend([source.second() for source in sources], shares)
    return Moments(mean, second - mean[:, :, None] * mean[:, None, :])


def displaced(source: Moments, target: Moments, share: float) -> Moments:
    """Returns moments on the way from those of the photograph to the style's.

    Each feature vector goes a part of its way, as normal distributions are
    carried to each other. So all places of a picture move, while blended
    moments are those of a picture that has the style in some places only.

    Args:
        source: Moments of the photograph.
        target: Moments of the style.
        share: Part of the way, from 0 to 1.

    Reference:
        McCann, "A Convexity Principle for Interacting Gases", 1997: with roots
        A and B of the covariances and A B = U D V', vectors of the photograph
        and the style they are carried to have the covariance A U V' B.
    """
    mean = blend([source.mean, target.mean], [1 - share, share])
    before, after = (_root(one.covariance) for one in (source, target))
    left, _, right = np.linalg.svd(before @ after)
    carried = before @ left @ right @ after
    mixed = share * (1 - share) * (carried + np.swapaxes(carried, 1, 2))
    still = (1 - share) ** 2 * before @ before
    covariance = still + share**2 * after @ after + mixed
    return Moments(mean, covariance.astype(np.float32))


def _root(covariance: Tensor) -> np.ndarray:
    """Returns the symmetric root of covariances, in float64."""
    exact = ops.convert_to_numpy(covariance).astype(np.float64)
    values, vectors = np.linalg.eigh(exact)
    scaled = vectors * np.sqrt(np.maximum(values, 0))[:, None]
    return scaled @ np.swapaxes(vectors, 1, 2)
