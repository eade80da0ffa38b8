"""Convolutions of 3x3 by Winograd's minimal filtering.

A square of 4x4 results is computed from one of 6x6 values with 36
multiplications instead of 144: squares and kernels are transformed, multiplied
position by position (a matrix product for each of 36 positions), and
transformed back. For many channels that takes half the time of the best direct
convolution. Rounding errors are some 10 times as large: 1e-5 of the largest
result.

Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
CVPR 2016, section 4.3, F(4x4, 3x3). The order of the 36 positions is our own:
it lets overlapping squares be assembled from few large slices.
"""

import numpy as np
from keras import ops

from tfstyle.runtime.types import Tensor

STEP = 4
"""Results along each side of a square."""
_INPUT = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_KERNEL = (
    np.array(
        [
            [6, 0, 0],
            [-4, -4, -4],
            [-4, 4, -4],
            [1, 2, 4],
            [1, -2, 4],
            [0, 0, 24],
        ]
    )
    / 24.0
)
_OUTPUT = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)
# Rows and columns of a square: its own 4x4, two columns of the square to the
# right, two rows of the square below, and the corner of the one beyond both.
_ORDER = [
    6 * row + column
    for rows in ((0, 1, 2, 3), (4, 5))
    for columns in ((0, 1, 2, 3), (4, 5))
    for row in rows
    for column in columns
]
_INPUTS = np.kron(_INPUT, _INPUT)[:, _ORDER].astype(np.float32)
_KERNELS = np.kron(_KERNEL, _KERNEL).astype(np.float32)
_OUTPUTS = np.kron(_OUTPUT, _OUTPUT).astype(np.float32)


def transform(kernel: Tensor) -> Tensor:
    """Transforms a kernel for `convolve`, to four times its size.

    Args:
        kernel: Kernel, `(3, 3, inputs, outputs)`, float32.

    Returns:
        Transformed kernel, `(6, 6, inputs, outputs)`.
    """
    _, _, inputs, outputs = ops.shape(kernel)
    flat = ops.matmul(_KERNELS, ops.reshape(kernel, (9, inputs * outputs)))
    return ops.reshape(flat, (6, 6, inputs, outputs))


def convolve(x: Tensor, kernel: Tensor, zeros: int) -> Tensor:
    """Convolves maps with stride 1.

    Args:
        x: Feature maps, `(batch, height, width, inputs)`, float32.
        kernel: Kernel from `transform`.
        zeros: Zeros to pad with on each side; 1 keeps the size.

    Returns:
        Feature maps, `(batch, height + 2 * zeros - 2, width + 2 * zeros - 2,
        outputs)`.
    """
    batch, rows, columns, inputs = ops.shape(x)
    outputs = ops.shape(kernel)[-1]
    height, width = rows + 2 * zeros - 2, columns + 2 * zeros - 2
    down, across = -(-height // STEP), -(-width // STEP)
    below = STEP * (down + 1) - zeros - rows
    beside = STEP * (across + 1) - zeros - columns
    x = ops.pad(x, ((0, 0), (zeros, below), (zeros, beside), (0, 0)))
    split = (batch, down + 1, STEP, across + 1, STEP, inputs)
    x = ops.transpose(ops.reshape(x, split), (2, 4, 0, 1, 3, 5))
    slices = (
        x[:, :, :, :down, :across],
        x[:, :2, :, :down, 1:],
        x[:2, :, :, 1:, :across],
        x[:2, :2, :, 1:, 1:],
    )
    count = batch * down * across
    squares = ops.concatenate(
        [ops.reshape(part, (-1, count * inputs)) for part in slices]
    )
    squares = ops.reshape(ops.matmul(_INPUTS, squares), (36, count, inputs))
    kernel = ops.reshape(kernel, (36, inputs, outputs))
    found = ops.reshape(ops.matmul(squares, kernel), (36, count * outputs))
    shape = (STEP, STEP, batch, down, across, outputs)
    found = ops.reshape(ops.matmul(_OUTPUTS, found), shape)
    whole = (batch, STEP * down, STEP * across, outputs)
    found = ops.reshape(ops.transpose(found, (2, 3, 0, 4, 1, 5)), whole)
    return found[:, :height, :width]
