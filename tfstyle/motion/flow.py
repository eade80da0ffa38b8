"""Optical flow between frames, occlusions and warping.

A flow `(height, width, 2)` holds for each pixel of one frame how far right and
how far down the same point is in another, in pixels. OpenCV's DIS finds it.

References:
    Kroeger, Timofte, Dai and Van Gool, "Fast Optical Flow using Dense Inverse
    Search", ECCV 2016; Sundaram, Brox and Keutzer, "Dense Point Trajectories by
    GPU-Accelerated Large Displacement Optical Flow", ECCV 2010, for occlusions.
"""

from typing import Any

import numpy as np

_LONGEST = 256  # Longer side at which flow is found, in pixels.
_LEAST = 12  # What DIS needs on each side, in pixels.
_NOISE = 1.5  # Deviation by which frames are smoothed before,
_SMOOTH = 1.5  # and the flow after: what trembles is noise.
# Refinement of the flow of patches: rounds, and weights of smoothness and of
# constant gradients. With OpenCV's 5, 20 and 10, flow trembles.
_ROUNDS, _EVEN, _SHARP = 20, 30.0, 5.0
_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def load_cv2() -> Any:
    """Imports OpenCV; raises `ValueError` if it is not installed."""
    try:
        import cv2
    except ImportError as error:
        raise ValueError(
            "Clips need OpenCV: pip install tfstyle[video]."
        ) from error
    return cv2


def gray(frame: np.ndarray) -> np.ndarray:
    """Returns the luma of a frame as bytes, `(height, width)`."""
    return np.rint(255 * np.clip(frame @ _WEIGHTS, 0, 1)).astype(np.uint8)


def reduced(height: int, width: int, longest: int) -> tuple[int, int]:
    """Returns the shape of a frame reduced for its flow to be found.

    The aspect is kept, but for very narrow frames, whose shorter side would be
    less than the method can do with.

    Args:
        height: Height of the frame, in pixels.
        width: Its width.
        longest: Longer side above which it is reduced.

    Examples:
        >>> reduced(480, 640, 320)
        (240, 320)
        >>> reduced(16, 10000, 320)
        (12, 320)
    """
    scale = min(1, longest / max(height, width))
    return max(_LEAST, round(scale * height)), max(_LEAST, round(scale * width))


def between(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Finds the flow from a frame to another.

    Args:
        frame: Frame as bytes, `(height, width)`; see `gray`.
        other: Frame of the same shape.

    Returns:
        Float32 array `(height, width, 2)`.
    """
    cv2 = load_cv2()
    height, width = frame.shape
    rows, columns = reduced(height, width, _LONGEST)
    pair = [
        cv2.resize(
            cv2.GaussianBlur(x, (0, 0), _NOISE),
            (columns, rows),
            interpolation=cv2.INTER_AREA,
        )
        for x in (frame, other)
    ]
    found = _finder(cv2).calc(*pair, None)
    scale = max(rows, columns) / max(height, width)
    found = cv2.GaussianBlur(found, (0, 0), _SMOOTH * scale)
    if scale == 1:
        return found
    found = cv2.resize(found, (width, height))
    return found * np.array([width / columns, height / rows], np.float32)


def _finder(cv2: Any) -> Any:
    """The method, at the full size of the frames that it is given."""
    finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    finder.setFinestScale(0)
    finder.setVariationalRefinementIterations(_ROUNDS)
    finder.setVariationalRefinementAlpha(_EVEN)
    finder.setVariationalRefinementGamma(_SHARP)
    return finder


def grid(height: int, width: int) -> np.ndarray:
    """Returns the place of each pixel: right, down; `(height, width, 2)`."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([columns, rows], -1)


def sample(image: np.ndarray, places: np.ndarray, smooth: bool) -> np.ndarray:
    """Returns the values of an image at places between its pixels.

    Args:
        image: Float32 array `(height, width)` or with channels.
        places: Right and down, `(height, width, 2)`; outside, the image is
            mirrored.
        smooth: Whether to interpolate linearly; else by cubic splines, which
            keep details and overshoot.
    """
    cv2 = load_cv2()
    method = cv2.INTER_LINEAR if smooth else cv2.INTER_CUBIC
    return cv2.remap(
        image, places, None, method, borderMode=cv2.BORDER_REFLECT_101
    )


def inside(places: np.ndarray) -> np.ndarray:
    """Returns whether places are within an image of their own shape."""
    height, width = places.shape[:2]
    right, down = places[..., 0], places[..., 1]
    within = (right >= 0) & (right <= width - 1)
    return within & (down >= 0) & (down <= height - 1)


def consistent(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Returns which pixels are seen in both frames.

    A pixel that is hidden in the other frame is led elsewhere: the flow there
    and back does not return to it.

    Args:
        there: Flow from the frame to the other.
        back: Flow from the other to the frame.

    Returns:
        Array of booleans, `(height, width)`; false beside such pixels, too.
    """
    places = grid(*there.shape[:2]) + there
    returned = sample(back, places, smooth=True)
    gap = _square(there + returned)
    length = _square(there) + _square(returned)
    seen = (gap <= 0.01 * length + 0.5) & inside(places)
    cv2 = load_cv2()
    return cv2.erode(seen.view(np.uint8), np.ones((3, 3))).view(bool)


def follow(
    frame: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds where the pixels of a frame were in the one before.

    Args:
        frame: Frame as bytes, `(height, width)`; see `gray`.
        before: The frame before, of the same shape.

    Returns:
        Places, right and down, `(height, width, 2)`; and 1 where they were
        seen, else 0, `(height, width)`. Both are float32.
    """
    there = between(frame, before)
    seen = consistent(there, between(before, frame))
    return grid(*frame.shape) + there, seen.astype(np.float32)


def _square(flow: np.ndarray) -> np.ndarray:
    """Squares of lengths; `sum` is slow on two values."""
    return np.square(flow[..., 0]) + np.square(flow[..., 1])
