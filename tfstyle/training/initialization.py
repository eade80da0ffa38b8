"""Initial weights of a thin network, fitted in closed form to a teacher.

Training from random weights spends most of its time on what least squares
finds in a minute: which channels of the teacher predict the others, and how to
compute them from the layer before.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tfstyle.pretrained import topology

_POSITIONS = 40_000  # Positions of a layer's maps that weights are fitted to.
_ROUNDS = 16  # Rounds of fitting a convolution that is followed by ReLU.
_RIDGE = 1e-4  # Relative to the mean diagonal of a system of equations.


class Samples(NamedTuple):
    """Feature maps of a teacher, sampled at some positions.

    Attributes:
        images: Images of shape `(batch, height, width, 3)`, RGB in [0, 1].
        where: Positions by layer: indices of examples, rows and columns.
        values: Feature vectors at these positions by layer, of shape
            `(positions, channels)`.
    """

    images: np.ndarray
    where: dict[str, tuple[np.ndarray, ...]]
    values: dict[str, np.ndarray]


def sample(teacher: keras.Model, images: np.ndarray, seed: int = 0) -> Samples:
    """Samples a teacher's feature maps at random positions.

    Args:
        teacher: Network from `features.extractor`.
        images: Images of shape `(batch, height, width, 3)`, RGB in [0, 1].
        seed: Seed of the random positions.
    """
    random = np.random.default_rng(seed)
    each = -(-_POSITIONS // len(images))
    where: dict[str, list[np.ndarray]] = {}
    values: dict[str, list[np.ndarray]] = {}
    for index, image in enumerate(images):
        for layer, maps in teacher(image[None]).items():
            theirs = ops.convert_to_numpy(ops.cast(maps, "float32"))[0]
            rows, columns = theirs.shape[:2]
            chosen = random.permutation(rows * columns)[:each]
            place = np.stack(np.unravel_index(chosen, (rows, columns)))
            place = np.insert(place, 0, index, axis=0)
            where.setdefault(layer, []).append(place)
            values.setdefault(layer, []).append(theirs[place[1], place[2]])
    return Samples(
        images,
        {layer: tuple(np.concatenate(w, axis=1)) for layer, w in where.items()},
        {layer: np.concatenate(v) for layer, v in values.items()},
    )


def principal_axes(
    features: np.ndarray, count: int
) -> tuple[np.ndarray, float]:
    """Returns the directions that hold most of the energy of feature maps.

    The mean is not subtracted: it is part of a style, too.

    Args:
        features: Feature maps of shape `(..., channels)`.
        count: Number of axes, at most `channels`.

    Returns:
        Axes of shape `(channels, count)`, orthogonal columns of equal length
        such that coordinates have a mean square of 1; and the fraction of the
        energy that they hold.
    """
    flat = features.reshape(-1, features.shape[-1]).astype(np.float64)
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    kept, axes = values[-count:][::-1], vectors[:, -count:][:, ::-1]
    scale = 1 / np.sqrt(kept.mean())
    return (axes * scale).astype(np.float32), kept.sum() / values.sum()


def initialize(
    student: keras.Model,
    samples: Samples,
    axes: Mapping[str, np.ndarray],
    heads_only: bool = False,
) -> None:
    """Sets the initial weights of a thin network, layer by layer.

    Each convolution is fitted by least squares: from the student's maps before
    it to those channels of the teacher that best predict the others. Each head
    is fitted to the coordinates along the principal axes.

    Args:
        student: Thin network from `features.network`; its weights are set.
        samples: Result of `sample`.
        axes: Result of `principal_axes` by layer, shallow to deep.
        heads_only: Whether the convolutions stay as they are.
    """
    seen, maps = student.input, [image[None] for image in samples.images]
    for layer, directions in axes.items():
        convolution = student.get_layer(layer)
        between = keras.Model(seen, convolution.input)
        seen, maps = convolution.input, [between(x) for x in maps]
        whole = np.concatenate([ops.convert_to_numpy(x) for x in maps])
        patches = _patches(whole, convolution, samples.where[layer])
        values = samples.values[layer]
        if not heads_only:
            _set(convolution, _fit_channels(patches, values, convolution))
        kernel, bias = convolution.get_weights()
        own = patches @ kernel.reshape(-1, kernel.shape[-1]) + bias
        head = student.get_layer(topology.head(layer))
        _set(head, _solver(np.maximum(own, 0))(values @ directions))


def _set(convolution: keras.layers.Layer, affine: np.ndarray) -> None:
    kernel = affine[:-1].reshape(convolution.kernel.shape)
    convolution.set_weights([kernel, affine[-1]])


def _fit_channels(
    patches: np.ndarray, values: np.ndarray, convolution: keras.layers.Layer
) -> np.ndarray:
    """Fits patches to as many channels of the teacher as there are filters."""
    target = values[:, _representatives(values, convolution.filters)]
    # ReLU permits scaling the channels; Adam learns best at equal scales.
    size = np.sqrt(np.square(target).mean(0)) + 1e-6
    return _fit_relu(patches, target / size)


def _patches(
    maps: np.ndarray,
    convolution: keras.layers.Layer,
    where: tuple[np.ndarray, ...],
) -> np.ndarray:
    """Returns the convolution's input at each position, flattened."""
    if convolution.padding == "same":
        maps = np.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(maps, (3, 3), (1, 2))
    seen = windows[where].transpose(0, 2, 3, 1)
    return seen.reshape(len(seen), -1)


def _representatives(values: np.ndarray, count: int) -> np.ndarray:
    """Returns channels that best predict the others, chosen greedily."""
    left = values.T.astype(np.float64) @ values / len(values)
    floor = 1e-9 * np.trace(left)
    chosen: list[int] = []
    for _ in range(count):
        own = np.diag(left)
        explained = np.square(left).sum(0) / np.maximum(own, floor)
        explained[own <= floor] = -1
        explained[chosen] = -2
        best = int(explained.argmax())
        chosen.append(best)
        if own[best] > floor:
            left = left - np.outer(left[best], left[best]) / left[best, best]
    return np.array(chosen)


def _fit_relu(inputs: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Fits an affine map followed by ReLU to `target`, by alternation.

    Where the target is 0, any negative value is right: each round aims at the
    negative values that the round before found there.
    """
    solve, affine = _solver(inputs), _affine(inputs)
    aim = target
    for _ in range(_ROUNDS):
        solution = solve(aim)
        below = np.minimum(affine @ solution, 0)
        aim = np.where(target > 0, target, below)
    return solution


def _solver(inputs: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function that fits targets to `inputs` by least squares."""
    affine = _affine(inputs)
    system = (affine.T @ affine).astype(np.float64)
    ridge = _RIDGE * np.trace(system) / len(system)
    inverse = np.linalg.inv(system + ridge * np.eye(len(system)))
    projection = inverse.astype(np.float32)
    return lambda target: projection @ (affine.T @ target)


def _affine(inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([inputs, np.ones_like(inputs[:, :1])], axis=1)
