"""Makes losses relative to the energy of their target."""

from keras import ops

from tfstyle.losses.positions import float32
from tfstyle.runtime.types import Tensor


def energy(target: Tensor) -> Tensor:
    """Returns the mean square of each example, by which `relative` divides.

    Args:
        target: Feature maps, Gram matrices, edges..., `(batch, ...)`.

    Returns:
        Shape `(batch,)`, float32.
    """
    squares = ops.square(float32(target))
    return ops.mean(squares, axis=tuple(range(1, squares.ndim)))


def relative(
    loss: Tensor, energy: Tensor, *, least: float = 0.0, damping: float = 0.0
) -> Tensor:
    """Returns a loss divided by the energy of its target.

    Weights of relative losses carry over between networks, layers and sizes.
    Flat targets have almost no energy, so that nearly any relative loss would
    be infinite: the caller bounds the energy or adds to it.

    Args:
        loss: Losses, `(batch,)`.
        energy: Energies of the targets, from `energy`, `(batch,)`.
        least: Lower bound of the energy. Has no effect on targets with more.
        damping: Summand of every energy: in training, flat examples then weigh
            smoothly less than the others of their batch.

    Returns:
        Shape `(batch,)`, float32.

    Example:
    >>> loss, energy = ops.array([3.0, 3.0]), ops.array([6.0, 0.0])
    >>> ops.convert_to_numpy(relative(loss, energy, least=1.5)).tolist()
    [0.5, 2.0]
    """
    return loss / (ops.maximum(energy, least) + damping)
