"""LPIPS: the distance of two pictures as people see it, by AlexNet.

Reference: Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable
Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018; version 0.1
with AlexNet, the form that papers on style transfer report.
"""

import os

import h5py
import numpy as np
from keras import ops

from tfstyle.runtime.types import Path, Tensor

# Convolution -> side of the kernel, stride, and whether pooling comes before.
_LAYERS = {
    "conv1": (11, 4, False),
    "conv2": (5, 1, True),
    "conv3": (3, 1, True),
    "conv4": (3, 1, False),
    "conv5": (3, 1, False),
}
_PARTS = ("kernel", "bias")
# Values in [-1, 1] are shifted and divided by these.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)


class Lpips:
    """Measures LPIPS with AlexNet.

    Args:
        path: File (.h5) with arrays `conv1/kernel` `(height, width, inputs,
            outputs)`, `conv1/bias` and `lin1` `(outputs,)`, and so for 2 to 5;
            the training guide shows how to make it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file does not hold these arrays.
    """

    SMALLEST = 31
    """Side for which the last map is not empty, in pixels."""

    def __init__(self, path: Path) -> None:
        self._kernels, self._lines = _read(path)

    def distance(self, picture: np.ndarray, other: np.ndarray) -> float:
        """Returns the distance of two pictures; 0 if equal, about 1 at most.

        Args:
            picture: RGB image, `(height, width, 3)`, values in [0, 1]; 31
                pixels or more on each side.
            other: Image of the same shape.

        Raises:
            ValueError: The pictures are smaller.
        """
        if min(picture.shape[:2]) < self.SMALLEST:
            raise ValueError(
                f"LPIPS needs {self.SMALLEST} pixels or more on each side. "
                f"Received: {picture.shape[1]}x{picture.shape[0]}"
            )
        ours, theirs = self._maps(picture), self._maps(other)
        return float(
            sum(
                ops.mean(ops.sum(line * ops.square(a - b), -1))
                for line, a, b in zip(self._lines, ours, theirs, strict=True)
            )
        )

    def _maps(self, image: np.ndarray) -> list[Tensor]:
        """Returns the maps of all layers, each position of length 1."""
        x = (2 * image[None] - 1 - _SHIFT) / _SCALE
        found = []
        for (side, stride, pooled), (kernel, bias) in zip(
            _LAYERS.values(), self._kernels, strict=True
        ):
            if pooled:
                x = ops.max_pool(x, 3, 2, data_format="channels_last")
            zeros = 2 if side > 3 else 1
            x = ops.pad(x, ((0, 0), (zeros, zeros), (zeros, zeros), (0, 0)))
            x = ops.conv(x, kernel, stride, data_format="channels_last")
            x = ops.relu(x + bias)
            length = ops.sqrt(ops.sum(ops.square(x), -1, keepdims=True))
            found.append(x / (length + 1e-10))
        return found


def _read(
    path: Path,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """Returns kernels with biases, and weights of channels, by layer."""
    name = os.fspath(path)
    if not os.path.exists(name):
        raise FileNotFoundError(f"There is no weights file '{name}'.")
    try:
        with h5py.File(name) as file:
            names = [
                *(f"{layer}/{part}" for layer in _LAYERS for part in _PARTS),
                *(f"lin{i}" for i in range(1, 1 + len(_LAYERS))),
            ]
            arrays = [np.asarray(file[n][()], np.float32) for n in names]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"'{name}' does not hold the weights of LPIPS with AlexNet. "
            "Expected: arrays conv1/kernel, conv1/bias, lin1 to lin5."
        ) from error
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError(f"'{name}' holds values that are not finite.")
    ends = 2 * len(_LAYERS)
    kernels = list(zip(arrays[:ends:2], arrays[1:ends:2], strict=True))
    lines = arrays[ends:]
    inputs = 3
    for (layer, (side, _, _)), (kernel, bias), line in zip(
        _LAYERS.items(), kernels, lines, strict=True
    ):
        outputs = bias.size
        expected = (side, side, inputs, outputs), (outputs,), (outputs,)
        received = kernel.shape, bias.shape, line.shape
        if received != expected:
            raise ValueError(
                f"'{name}' does not fit AlexNet at {layer}: expected shapes "
                f"{expected} of kernel, bias and lin. Received: {received}"
            )
        inputs = outputs
    return kernels, lines
