"""Loss of a picture that is too large to be seen at once, and its gradient.

Both are those of the whole picture. All tiles are seen twice. First the
statistics of the feature maps are added up, from which the style losses and
their derivatives by the statistics follow. Then each tile adds its part of the
gradient: the style losses count as linear functions of the statistics, with
these derivatives. `tiled_image` adds the terms of the picture itself. On the
device are a tile, a strip or a channel of the picture, one at a time.

Reference: Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer",
Computer Graphics Forum 2024. Deviations: every position of a map is counted
once, so a halo of half the receptive field is exact, where they need all of it;
both style losses, regions and Adam.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle.features import tiles
from tfstyle.objective import statistics
from tfstyle.objective.image_terms import Histogram
from tfstyle.objective.local import Local
from tfstyle.objective.statistics import Moments
from tfstyle.objective.term import Content, Style, Term
from tfstyle.optimization import tiled_graphs
from tfstyle.optimization.tiled_graphs import Names, as_it_is, compiled
from tfstyle.optimization.tiled_image import ImageTerms
from tfstyle.runtime import scratch

Pause = Callable[[float], bool]
"""Function from the part of a step that is done to whether the run ends."""


class Loss:
    """Loss of a picture that is seen in tiles, and its gradient.

    Args:
        network: VGG network with mirrored borders.
        terms: Terms of the loss, from `make_terms`.
        tiling: Tiles of the picture.
        pause: Function that is called between tiles.
        make: Function that makes the array of the gradient.
    """

    def __init__(
        self,
        network: keras.Model,
        terms: Mapping[str, Term],
        tiling: tiles.Tiling,
        pause: Pause,
        make: scratch.Make = scratch.zeros,
    ) -> None:
        self._tiling, self._pause = tiling, pause
        self._gradient = tiles.bordered((*tiling.image, 3), make)
        self._styles, self._contents, nearby, histograms = _sorted(terms)
        part = tiled_graphs.part_of(network)
        styles, contents = _names(self._styles), _names(self._contents)
        self._look = compiled(tiled_graphs.moments, part, styles)
        self._pull = compiled(tiled_graphs.gradient, part, styles, contents)
        compares = tuple((n, t.compare) for n, t in self._styles.items())
        self._slopes = compiled(_weighted_slopes, compares, spec=as_it_is)
        self._image_terms = ImageTerms(nearby, histograms, tiling.image)
        self._names = [*terms]

    def __call__(self, picture: np.ndarray) -> tuple | None:
        """Returns the loss, its gradient and its terms.

        Args:
            picture: Float32 array of shape `(height, width, 3)`, in [0, 1].

        Returns:
            The loss; its gradient, an array `(1, height, width, 3)`; and terms
            by name. `None` if the run ends meanwhile.
        """
        moments = self._moments(picture)
        if moments is None:
            return None
        values, slopes = self._slopes(moments, self._style_parts())
        gradient = self._zeros()
        if not self._add_gradients(picture, slopes, gradient, values):
            return None
        total = tiles.fold(gradient)
        self._image_terms.add(picture, total, values)
        terms = {
            name: tf.cast(values[name], tf.float32) for name in self._names
        }
        value = tf.add_n(list(terms.values()))
        return value, total[None], terms

    def _zeros(self) -> np.ndarray:
        """Returns the array of the gradient, which all steps use, as zeros."""
        for rows in scratch.slices(len(self._gradient)):
            self._gradient[rows] = 0
            scratch.release(self._gradient)
        return self._gradient

    def _moments(self, picture: np.ndarray) -> dict[str, Moments] | None:
        """Returns the statistics of the whole picture, by name of the term."""
        sums = {name: statistics.Sum() for name in self._styles}
        for index, tile in enumerate(self._tiling.tiles):
            if index and self._pause(0.5 * index / len(self._tiling.tiles)):
                return None
            given = *self._seen(picture, tile), self._region_weights(tile)
            for name, found in self._look(*given).items():
                sums[name].add(*found)
        return {name: total.moments() for name, total in sums.items()}

    def _add_gradients(
        self,
        picture: np.ndarray,
        slopes: Mapping[str, Any],
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> bool:
        """Adds gradients of all tiles; returns whether all were seen."""
        for index, tile in enumerate(self._tiling.tiles):
            if self._pause(0.5 + 0.5 * index / len(self._tiling.tiles)):
                return False
            found, parts = self._pull(
                *self._seen(picture, tile),
                self._region_weights(tile),
                slopes,
                self._content_parts(tile),
            )
            gradient[tile.window] += np.asarray(found)[0]
            scratch.release(gradient)
            for name, value in parts.items():
                values[name] = values.get(name, 0.0) + np.float64(value)
        return True

    def _seen(
        self, picture: np.ndarray, tile: tiles.Tile
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the window of a tile, and its core in the maps of layers."""
        window = tf.constant(tile.seen(picture)[None])
        scratch.release(picture)
        cores = {
            layer: tf.constant(tile.inner(stride))
            for layer, stride in self._tiling.strides.items()
        }
        return window, cores

    def _core(self, name: str, tile: tiles.Tile) -> tuple[slice, slice]:
        layer = (self._styles | self._contents)[name].compare.layer
        return tile.core(self._tiling.strides[layer]).slices

    def _region_weights(self, tile: tiles.Tile) -> dict[str, tf.Tensor | None]:
        found = {}
        for name, term in self._styles.items():
            shape = self._tiling.shape(term.compare.layer)
            core = self._core(name, tile)
            own = statistics.part_weights(term.target[1], shape, core)
            found[name] = None if own is None else tf.constant(own)
        return found

    def _content_parts(self, tile: tiles.Tile) -> dict[str, tuple]:
        """Returns targets of a tile, with the factor of squared differences."""
        parts = {}
        for name, term in self._contents.items():
            core = self._core(name, tile)
            target = tf.constant(term.target[:, core[0], core[1]])
            scratch.release(term.target)
            factor = term.weight / np.prod(term.target.shape)
            parts[name] = target, tf.constant(factor, tf.float32)
        return parts

    def _style_parts(self) -> dict[str, tuple]:
        """Returns targets, with weights of terms and of single positions."""
        parts = {}
        for name, term in self._styles.items():
            area = np.prod(self._tiling.shape(term.compare.layer))
            factors = term.weight, term.weight / area
            parts[name] = (
                term.target[0],
                *(tf.constant(factor, tf.float32) for factor in factors),
            )
        return parts


def _weighted_slopes(
    compares: Sequence[tuple[str, Style]],
    moments: Mapping[str, Moments],
    parts: Mapping[str, tuple],
) -> tuple:
    """Returns weighted losses, and what `_pull` needs of their slopes."""
    values, slopes = {}, {}
    for name, compare in compares:
        target, weight, share = parts[name]
        found = compare.slopes(moments[name], target)
        values[name] = weight * found.value[0]
        slopes[name] = (
            moments[name].mean,
            share * found.mean,
            2 * share * found.covariance,
        )
    return values, slopes


def _names(terms: Mapping[str, Any]) -> Names:
    return tuple((name, term.compare.layer) for name, term in terms.items())


_KINDS = (Style, Content, Local, Histogram)


def _sorted(terms: Mapping[str, Term]) -> list[dict[str, Any]]:
    """Sorts terms by what they need.

    Returns:
        Terms of statistics, of maps, of what is near, and of histograms, each
        by name.
    """
    found: list[dict[str, Any]] = [{} for _ in _KINDS]
    for name, term in terms.items():
        kinds = (isinstance(term.compare, kind) for kind in _KINDS)
        found[list(kinds).index(True)][name] = term
    return found
