"""Finds cuts between the shots of a clip."""

import numpy as np

from tfstyle.motion import flow

_SMALL = (32, 24)  # Frames are compared at this size.
_CHANGE = 0.06  # Least mean change of a value at a cut.
_ALIKE = 0.5  # Correlation of two frames of one shot, at least.


def is_cut(frame: np.ndarray, before: np.ndarray) -> bool:
    """Whether a frame shows another scene than the one before.

    A flash changes all values but not what is light and dark; motion changes
    little of small frames.

    Args:
        frame: Frame, `(height, width, 3)`.
        before: The frame before.
    """
    one, other = _small(frame), _small(before)
    if np.abs(one - other).mean() < _CHANGE:
        return False
    one, other = one - one.mean((0, 1)), other - other.mean((0, 1))
    energy = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float((one * other).sum()) < _ALIKE * energy


def _small(frame: np.ndarray) -> np.ndarray:
    cv2 = flow.load_cv2()
    return cv2.resize(frame, _SMALL, interpolation=cv2.INTER_AREA)
