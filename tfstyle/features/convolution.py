"""Convolutions, computed in the fastest way for this processor.

A convolution of stride 1 and its gradient by the maps are the same operation
with flipped kernels. So either pass can be computed by the primitive that
TensorFlow has for the other, and both by Winograd's algorithm. The fastest way
depends on the processor, on whether TensorFlow uses oneDNN, and on the number
of channels (docs/decisions/process.md):

| channels in and out | Eigen              | oneDNN, AVX2            | oneDNN, AVX-512 |
|---------------------|--------------------|-------------------------|-----------------|
| 128 and more        | `WINOGRAD`         | `WINOGRAD`              | `WINOGRAD`      |
| fewer               | `FORWARD`          | `BACKWARD`, or constant | Keras' own      |
| 3 in                | Keras' own         | Keras' own              | Keras' own      |

oneDNN stores a constant kernel, see `Conv2D.freeze`, in the order that suits
it: then both of its primitives are fast. All ways give the same numbers but
for rounding. On GPUs, TPUs and ARM, in other precisions and on other backends,
convolutions are those of Keras.
"""  # noqa: E501 (table)

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfstyle.features import winograd
from tfstyle.runtime import devices, processor
from tfstyle.runtime.types import Tensor

# Least number of channels, in and out, at which Winograd's algorithm pays.
_MANY = 128
# Channels of pictures: primitives for their gradient are slow in any way.
_FEW = 3


class Way(NamedTuple):
    """A way to compute convolutions.

    Attributes:
        prepare: Function from a kernel `(3, 3, inputs, outputs)` to the form
            that `convolve` takes.
        convolve: Function from maps `(batch, height, width, inputs)`, a
            prepared kernel, and the zeros to pad with on each side (0, 1 or
            2), to maps whose sides are 2 less, the same, or 2 more.
    """

    prepare: Callable[[Tensor], Tensor]
    convolve: Callable[[Tensor, Tensor, int], Tensor]


@keras.saving.register_keras_serializable(package="tfstyle")
class Conv2D(keras.layers.Conv2D):
    """Keras' layer of the same name with stride 1, in the fastest way.

    It keeps the name of Keras, by which model files name weights.
    """

    _frozen: Any = None

    def freeze(self) -> None:
        """Prepares the kernel once; it must not change any more."""
        way = self._way()
        if way is BACKWARD:
            self._frozen = ops.convert_to_numpy(self.kernel)
        elif way:
            self._frozen = _prepare(way, ops.convert_to_tensor(self.kernel))

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Convolves; overrides the method that Keras' `call` uses."""
        way = self._way()
        if way is None:
            return super().convolution_op(inputs, kernel)
        kernel = ops.convert_to_tensor(kernel)
        prepared = self._frozen
        if isinstance(prepared, np.ndarray):
            if _in_graph():
                return super().convolution_op(inputs, _constant(prepared))
            prepared = None
        prepared = prepared or _prepare(way, kernel)
        zeros = {"same": 1, "valid": 0}[self.padding]
        return _differentiable(way, zeros)(inputs, kernel, *prepared)

    def _way(self) -> Way | None:
        height, width, inputs, outputs = self.kernel.shape
        if (height, width) != (3, 3) or self.compute_dtype != "float32":
            return None
        return choose(inputs, outputs)


def freeze(*models: keras.Model) -> None:
    """Prepares the kernels of networks, which must not change any more."""
    for model in models:
        for layer in model.layers:
            if isinstance(layer, Conv2D):
                layer.freeze()


def portable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function to use Keras' convolutions: its graph runs anywhere."""

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        token = _PORTABLE.set(True)
        try:
            return function(*args, **kwargs)
        finally:
            _PORTABLE.reset(token)

    return traced


_PORTABLE = contextvars.ContextVar("portable", default=False)


@contextlib.contextmanager
def weights_follow(sure: bool = True) -> Iterator[None]:
    """Within, networks begin with zeros, as their weights are set next.

    Random numbers take time, most of all on JAX, which compiles a function for
    each shape of them.

    Args:
        sure: Whether they are; otherwise networks begin with random weights.
    """
    token = _FOLLOW.set(sure)
    try:
        yield
    finally:
        _FOLLOW.reset(token)


_FOLLOW = contextvars.ContextVar("weights_follow", default=False)


def initializer(seed: int) -> keras.initializers.Initializer:
    """Returns what makes the first kernel of a convolution: random (He).

    Args:
        seed: Of the random numbers.
    """
    if _FOLLOW.get():
        return keras.initializers.Zeros()
    return keras.initializers.HeNormal(seed=seed)


def choose(inputs: int, outputs: int) -> Way | None:
    """Returns the fastest way for 3x3 convolutions; `None` for that of Keras.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """
    here = keras.backend.backend() == "tensorflow" and processor.flags()
    if not here or _PORTABLE.get() or devices.kind() != "CPU":
        return None
    if inputs <= _FEW:
        return None
    if min(inputs, outputs) >= _MANY:
        return WINOGRAD
    if not processor.has_onednn():
        return FORWARD
    return None if processor.has_avx512() else BACKWARD


def flip(kernel: Tensor) -> Tensor:
    """Returns the kernel with which the gradient is a convolution."""
    return ops.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))


def _prepare(way: Way, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Prepares a kernel for the convolution and for its gradient."""
    return way.prepare(kernel), way.prepare(flip(kernel))


def _in_graph() -> bool:
    import tensorflow as tf

    return not tf.executing_eagerly()


def _constant(kernel: np.ndarray) -> Tensor:
    import tensorflow as tf

    return tf.constant(kernel)


def _forward(x: Tensor, kernel: Tensor, zeros: int) -> Tensor:
    import tensorflow as tf

    sides = [zeros, zeros]
    return tf.nn.conv2d(x, kernel, 1, [[0, 0], sides, sides, [0, 0]])


def _backward(x: Tensor, flipped: Tensor, zeros: int) -> Tensor:
    """Convolves by the primitive that TensorFlow has for the gradient."""
    import tensorflow as tf

    if not zeros:  # oneDNN supports only the two paddings below.
        return _backward(x, flipped, 1)[:, 1:-1, 1:-1]
    batch, height, width, _ = ops.shape(x)
    more = 2 * zeros - 2
    shape = (batch, height + more, width + more, ops.shape(flipped)[2])
    padding = {1: "SAME", 2: "VALID"}[zeros]
    return tf.nn.conv2d_transpose(x, flipped, shape, 1, padding)


FORWARD = Way(lambda kernel: kernel, _forward)
BACKWARD = Way(flip, _backward)
WINOGRAD = Way(winograd.transform, winograd.convolve)


@functools.cache
def _differentiable(way: Way, zeros: int) -> Callable[..., Tensor]:
    """Makes a convolution whose gradient by the maps is computed the same way.

    It is traced once for all sizes: TensorFlow never frees the graph of a
    custom gradient.

    Args:
        way: Way to compute both.
        zeros: Zeros to pad with on each side, 0 or 1.

    Returns:
        A function from maps, the kernel, and the kernel prepared for the
        convolution and for its gradient, to maps.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def convolve(
        x: Tensor, kernel: Tensor, there: Tensor, back: Tensor
    ) -> tuple[Tensor, Callable[[Tensor], tuple]]:
        def gradient(upstream: Tensor) -> tuple:
            by_kernel = tf.raw_ops.Conv2DBackpropFilter(
                input=x,
                filter_sizes=tf.shape(kernel),
                out_backprop=upstream,
                strides=[1, 1, 1, 1],
                padding=("VALID", "SAME")[zeros],
            )
            by_maps = way.convolve(upstream, back, 2 - zeros)
            return by_maps, by_kernel, None, None

        return way.convolve(x, there, zeros), gradient

    any_size = tf.TensorSpec((None, None, None, None))
    return tf.function(convolve, 4 * (any_size,), autograph=False)
