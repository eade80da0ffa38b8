"""How convolutions are computed: in the fastest way of this processor.

A convolution of stride 1 and its gradient by the maps are the same operation
with kernels that are flipped. So either pass can be computed by the primitive
that TensorFlow has for the other, and both by Winograd's algorithm. What is
fastest depends on the processor, on whether TensorFlow uses oneDNN, and on the
number of channels (BUILD_NOTES.md):

| channels in and out | Eigen              | oneDNN, AVX2            | oneDNN, AVX-512 |
|---------------------|--------------------|-------------------------|-----------------|
| 128 and more        | `WINOGRAD`         | `WINOGRAD`              | `WINOGRAD`      |
| fewer               | `FORWARD`          | `BACKWARD`, or constant | Keras' own      |
| 3 in                | Keras' own         | Keras' own              | Keras' own      |

A kernel that is constant, see `Conv2D.freeze`, is one that oneDNN stores in
the order that suits it: then both of its primitives are fast. All ways give
the same numbers but for rounding. On GPUs, TPUs and ARM, in other precisions
and on other backends convolutions are what Keras makes of them.
"""  # noqa: E501 (table)

import contextvars
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from tfstyle.features import winograd
from tfstyle.runtime import devices, processor
from tfstyle.runtime.types import Tensor

# From so many channels on, in and out, squares cost less than they save.
_MANY = 128
# Pictures have 3 channels: primitives for their gradient are slow in any way.
_FEW = 3


class Way(NamedTuple):
    """How to convolve.

    Attributes:
        prepare: From a kernel `(3, 3, inputs, outputs)` to what `convolve`
            takes.
        convolve: From maps `(batch, height, width, inputs)`, that, and how
            many zeros are around the maps, 0 to 2, to maps whose sides are
            less by 2, 0, or -2.
    """

    prepare: Callable[[Tensor], Tensor]
    convolve: Callable[[Tensor, Tensor, int], Tensor]


@keras.saving.register_keras_serializable(package="tfstyle")
class Conv2D(keras.layers.Conv2D):
    """As Keras' layer of this name, with stride 1, in the fastest way.

    The name is that of Keras: files of models name weights by it.
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
        """Overrides that of Keras, which `call` uses."""
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
    """A function with Keras' own convolutions: its graph runs anywhere."""

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        token = _PORTABLE.set(True)
        try:
            return function(*args, **kwargs)
        finally:
            _PORTABLE.reset(token)

    return traced


_PORTABLE = contextvars.ContextVar("portable", default=False)


def choose(inputs: int, outputs: int) -> Way | None:
    """The fastest way for convolutions of 3x3 with so many channels.

    Returns:
        The way, or `None` for that of Keras.
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
    """The kernel by which the gradient is a convolution."""
    return ops.transpose(kernel[::-1, ::-1], (0, 1, 3, 2))


def _prepare(way: Way, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """For the convolution and for its gradient."""
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
    """By the primitive that TensorFlow has for the gradient."""
    import tensorflow as tf

    if not zeros:  # oneDNN takes no other paddings than these two.
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
    """The convolution, whose gradient by the maps goes the same way.

    It is traced once for all sizes: TensorFlow keeps the graph of a custom
    gradient for ever.

    Args:
        way: The way.
        zeros: Around the maps, 0 or 1.

    Returns:
        A function from maps, the kernel, and the kernel as it is prepared for
        the convolution and for its gradient, to maps.
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
