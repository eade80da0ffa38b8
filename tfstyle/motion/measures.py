"""How stable and how sharp the frames of a clip are."""

import numpy as np

from tfstyle.motion import filters, flow


def warping_error(
    frame: np.ndarray, other: np.ndarray, there: np.ndarray, seen: np.ndarray
) -> float:
    """Root mean square of what changes beside the motion (E_warp).

    Frames are sampled by cubic splines: linear interpolation blurs, and would
    find 0.036 in a harsh painting that does nothing but move.

    Args:
        frame: Frame, `(height, width, 3)`.
        other: Frame of the same shape.
        there: Flow from the frame to the other, `(height, width, 2)`.
        seen: Pixels that both frames show, booleans `(height, width)`.

    Returns:
        The error; 0 if no pixel is seen in both.

    Reference:
        Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018.
    """
    places = flow.grid(*there.shape[:2]) + there
    warped = flow.sample(other, places, smooth=False)
    gap = np.square(frame - warped)[seen]
    return float(np.sqrt(gap.mean())) if gap.size else 0.0


def sharpness(frame: np.ndarray) -> float:
    """Returns the energy of detail: the mean square, see `filters.detail`."""
    return float(np.square(filters.detail(frame)).mean())
