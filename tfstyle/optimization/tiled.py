"""Steps of style transfer on pictures that are too large to be seen at once.

The loss is that of the whole picture, and so is its gradient. A step sees all
tiles twice. First it adds up the statistics of the feature maps, from which the
style losses and their derivatives by the statistics follow. Then each tile adds
its part of the gradient: the style losses count as linear functions of the
statistics, with these derivatives. Neighboring pixels and squares are compared
strip by strip, structure and histogram in the whole picture. On the device are
a tile, and for a moment single arrays of the picture's size.

Reference: Galerne, Raad, Lezama and Morel, "Scaling Painting Style Transfer",
Computer Graphics Forum 2024. Deviations: every position of a map is counted
once, so a halo of half the receptive field is exact, where they need all of it;
both style losses, regions and Adam.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle import losses
from tfstyle.features import tiles
from tfstyle.objective import statistics
from tfstyle.objective.image_terms import Histogram, Local, strips
from tfstyle.objective.statistics import Moments
from tfstyle.objective.term import Content, Style, Term
from tfstyle.optimizers.adam_in_place import InPlace
from tfstyle.optimizers.adam_state import State
from tfstyle.runtime import scratch
from tfstyle.runtime.types import Shape

Pause = Callable[[float], bool]
"""Function from the part of a step that is done to whether the run ends."""
Cores = Mapping[str, tf.Tensor]
"""Layer -> top, left, bottom and right end of a core, int32."""
Weights = Mapping[str, tf.Tensor | None]
"""Name of a term -> weights of positions, `(1, number, 1)`."""


class Step:
    """Step at one size, which sees the picture in tiles.

    Args:
        loss: Loss of the picture.
        optimizer: Optimizer.
    """

    def __init__(self, loss: "Loss", optimizer: InPlace) -> None:
        self._loss, self._optimizer = loss, optimizer

    def __call__(self, state: State) -> State | None:
        """Returns the next state; `None` if the run ends within the step.

        The arrays of `state` become those of the next, see
        `InPlace.step_in_place`.
        """
        found = self._loss(np.asarray(state.x)[0])
        if found is None:
            return None
        state = self._optimizer.writable(state)
        try:
            return self._optimizer.step_in_place(state, *found)
        except tf.errors.ResourceExhaustedError as error:
            # The step cannot be tried again: some arrays are those after it.
            raise MemoryError(
                "Memory ran out within a step. Lower `memory` or `size`."
            ) from error

    def evaluated(self, state: State) -> State | None:
        """Returns the state with the loss of its picture, else unchanged."""
        found = self._loss(np.asarray(state.x)[0])
        return None if found is None else state._replace(value=found[0])


def gradient_norms(
    network: keras.Model,
    terms: Mapping[str, Term],
    tiling: tiles.Tiling,
    make: scratch.Make = scratch.zeros,
) -> Callable[[tf.Tensor], dict[str, float]]:
    """Returns what `descent.compile_gradients` does, for pictures in tiles.

    It takes about a step for each term, and is not ended within it.
    """

    def norm(image: tf.Tensor, name: str) -> float:
        given = {name: terms[name]}, tiling, lambda part: False, make
        alone = Loss(network, *given)
        found = alone(np.asarray(image)[0])
        return 0.0 if found is None else float(np.linalg.norm(found[1]))

    return lambda image: {name: norm(image, name) for name in terms}


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
        self._styles, self._contents, self._locals, self._histograms = _sorted(
            terms
        )
        self._weights = {
            name: None
            if term.target[1] is None
            else term.target[1].reshape(tiling.shape(term.compare.layer))
            for name, term in self._styles.items()
        }
        view = _View(
            tiles.unpadded(network),
            self._styles,
            self._contents,
        )
        self._look = _compiled(view.moments)
        self._pull = _compiled(view.gradient)
        self._slopes = _compiled(self._weighted_slopes, _as_it_is)
        self._compare = _compiled(
            functools.partial(_local, self._locals, tiling.image)
        )
        self._compare_channel = _compiled(_channel_gradient, _as_it_is)
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
        values, slopes = self._slopes(moments)
        gradient = self._zeros()
        if not self._add_gradients(picture, slopes, gradient, values):
            return None
        total = tiles.fold(gradient)
        self._add_locals(picture, total, values)
        self._add_histograms(picture, total, values)
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

    def _add_locals(
        self,
        picture: np.ndarray,
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> None:
        """Adds values and gradients of what is near, strip by strip."""
        for strip in strips(self._tiling.image[0]):
            targets = {
                name: term.compare.cut(term.target, strip)
                for name, term in self._locals.items()
            }
            found, part = self._compare(
                tf.constant(picture[None, strip.seen]),
                tf.constant(strip.stop - strip.start),
                targets,
            )
            gradient[strip.seen] += np.asarray(part)[0]
            scratch.release(picture, gradient)
            for name, value in found.items():
                values[name] = values.get(name, 0.0) + np.float64(value)

    def _add_histograms(
        self,
        picture: np.ndarray,
        gradient: np.ndarray,
        values: dict[str, Any],
    ) -> None:
        """Adds values and gradients of histograms, channel by channel."""
        channels = picture.shape[-1]
        for name, term in self._histograms.items():
            for channel in range(channels):
                one = np.s_[..., channel : channel + 1]
                value, part = self._compare_channel(
                    tf.constant(picture[None][one]),
                    term.target[one],
                    tf.constant(term.weight / channels),
                )
                gradient[one] += np.asarray(part)[0]
                scratch.release(picture, gradient)
                values[name] = values.get(name, 0.0) + np.float64(value)

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
        return {
            name: None
            if weights is None
            else tf.constant(
                statistics.part_weights(weights, self._core(name, tile))
            )
            for name, weights in self._weights.items()
        }

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

    def _weighted_slopes(self, moments: Mapping[str, Moments]) -> tuple:
        """Returns weighted losses, and what `_pull` needs of their slopes."""
        values, slopes = {}, {}
        for name, term in self._styles.items():
            mean = moments[name].mean
            found = term.compare.slopes(moments[name], term.target[0])
            height, width = self._tiling.shape(term.compare.layer)
            values[name] = term.weight * found.value[0]
            share = term.weight / (height * width)
            slopes[name] = (
                mean,
                share * found.mean,
                2 * share * found.covariance,
            )
        return values, slopes


_KINDS = (Style, Content, Local, Histogram)


def _sorted(
    terms: Mapping[str, Term],
) -> list[dict[str, Any]]:
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


def _any_size(x: tf.Tensor) -> tf.TensorSpec:
    """Leaves the sides of images and maps, and numbers of positions, free."""
    if x.shape.rank < 3:
        return _as_it_is(x)
    first, *middle, last = x.shape
    return tf.TensorSpec((first, *(None for _ in middle), last), x.dtype)


def _as_it_is(x: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec(x.shape, x.dtype)


def _compiled(
    function: Callable[..., Any],
    spec: Callable[[tf.Tensor], tf.TensorSpec] = _any_size,
) -> Callable[..., Any]:
    """Compiles a function at its first call.

    Args:
        function: Function of nested tensors, and of `None`.
        spec: Function from a tensor to the tensors that the graph is for.
    """
    strategy = tf.distribute.get_strategy()
    traced = tf.function(
        lambda *given: strategy.run(function, given), autograph=False
    )
    found: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if not found:
            specs = tf.nest.map_structure(
                lambda x: x if x is None else spec(x), given
            )
            found.append(traced.get_concrete_function(*specs))
        return found[0](*given)

    return call


class _View:
    """What a network sees of a tile, and what the losses make of it.

    Args:
        part: Network from `tiles.unpadded`.
        styles: Terms of statistics.
        contents: Terms of maps.
    """

    def __init__(
        self,
        part: keras.Model,
        styles: Mapping[str, Any],
        contents: Mapping[str, Any],
    ) -> None:
        self._part = part
        self._styles = {n: t.compare.layer for n, t in styles.items()}
        self._contents = {n: t.compare.layer for n, t in contents.items()}

    def moments(
        self, window: tf.Tensor, cores: Cores, weights: Weights
    ) -> dict[str, tuple]:
        """Returns the moments of a tile's core by term, with their weights."""
        maps = self._part(window)
        return {
            name: statistics.part_moments(
                _cut(maps[layer], cores[layer]), weights[name]
            )
            for name, layer in self._styles.items()
        }

    def gradient(
        self,
        window: tf.Tensor,
        cores: Cores,
        weights: Weights,
        slopes: Mapping[str, tuple],
        contents: Mapping[str, tuple],
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns the gradient by a window, and a tile's part of the terms.

        Args:
            window: What the network sees of the picture.
            cores: Core of the tile in the maps of each layer.
            weights: Weights of the core's positions, by style term.
            slopes: Mean of the whole picture and what its derivatives are, by
                style term; see `Loss._weighted_slopes`.
            contents: Target of the core and factor, by content term.
        """
        with tf.GradientTape() as tape:
            tape.watch(window)
            maps = self._part(window)
        # The tape need not see how cores are cut: that would take a third more.
        seen = {layer: _cut(x, cores[layer]) for layer, x in maps.items()}
        pulls, values = self._pulls(seen, weights, slopes, contents)
        upstream = [
            _placed(tf.cast(pull, maps[layer].dtype), cores[layer], maps[layer])
            for layer, pull in pulls.items()
        ]
        targets = [maps[layer] for layer in pulls]
        gradient = tape.gradient(
            targets,
            window,
            output_gradients=upstream,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return gradient, values

    def _pulls(
        self,
        maps: Mapping[str, tf.Tensor],
        weights: Weights,
        slopes: Mapping[str, tuple],
        contents: Mapping[str, tuple],
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Returns derivatives by the maps of a core, and content terms.

        Layers whose weights are 0 have none.
        """
        used = {*self._styles.values(), *self._contents.values()}
        pulls: dict[str, Any] = dict.fromkeys(sorted(used), 0.0)
        values = {}
        for name, layer in self._styles.items():
            pulls[layer] += _style_pull(
                maps[layer], weights[name], *slopes[name]
            )
        for name, layer in self._contents.items():
            target, factor = contents[name]
            gap = tf.cast(maps[layer], tf.float32)
            gap -= tf.cast(target, tf.float32)
            values[name] = factor * tf.reduce_sum(tf.square(gap))
            pulls[layer] += 2 * factor * gap
        return pulls, values


def _cut(maps: tf.Tensor, core: tf.Tensor) -> tf.Tensor:
    top, left, bottom, right = tf.unstack(core)
    return maps[:, top:bottom, left:right]


def _placed(x: tf.Tensor, core: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Returns zeros in the form of `maps`, with `x` at the core."""
    shape = tf.shape(maps)
    top, left, bottom, right = tf.unstack(core)
    rows, columns = [top, shape[1] - bottom], [left, shape[2] - right]
    return tf.pad(x, [[0, 0], rows, columns, [0, 0]])


def _style_pull(
    maps: tf.Tensor,
    weights: tf.Tensor | None,
    mean: tf.Tensor,
    by_mean: tf.Tensor,
    by_product: tf.Tensor,
) -> tf.Tensor:
    """Returns the derivative of a style loss by the positions of a core."""
    channels = maps.shape[-1]
    flat = tf.reshape(tf.cast(maps, tf.float32), (1, -1, channels))
    pull = by_mean[:, None] + tf.matmul(flat - mean[:, None], by_product)
    if weights is not None:
        pull *= weights
    return tf.reshape(pull, tf.shape(maps))


def _local(
    terms: Mapping[str, Any],
    shape: Shape,
    block: tf.Tensor,
    rows: tf.Tensor,
    targets: Mapping[str, Any],
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Returns what a strip of the picture adds to terms, and its gradient."""
    with tf.GradientTape() as tape:
        tape.watch(block)
        values = {
            name: term.weight
            * term.compare.part(block, rows, targets[name], shape)[0]
            for name, term in terms.items()
        }
        value = tf.add_n([tf.constant(0.0), *values.values()])
    gradient = tape.gradient(
        value, block, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return values, gradient


def _channel_gradient(
    channel: tf.Tensor, target: tf.Tensor, weight: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the weighted loss of a channel's histogram, and its gradient."""
    with tf.GradientTape() as tape:
        tape.watch(channel)
        value = weight * losses.histogram_loss(channel, target)[0]
    return value, tape.gradient(value, channel)
