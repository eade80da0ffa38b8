"""Anchors: painted pictures whose strokes are moved along with a clip."""

import dataclasses

import numpy as np

from tfstyle.motion import flow
from tfstyle.motion.filters import blur

# How much of the difference in light is made up at each frame, and the size of
# what counts as light, in pixels.
_FOLLOW = 0.1
_LIGHT = 8.0
# Differences of gray tones that show that another thing is seen: more than
# noise, sharper than changes of light.
_OTHER = 0.06
_NOISE, _SHADE = 1.5, 24.0
_BENT = 0.25  # Change of the distance of two strokes, relative to it.


@dataclasses.dataclass(eq=False)
class Anchor:
    """A picture whose strokes are moved along.

    Attributes:
        picture: The picture, `(height, width, 3)`.
        frame: Its frame, gray, float32 `(height, width)`.
        places: Where each pixel of the last frame is in it; right and down,
            `(height, width, 2)`.
        followed: Whether it was seen in all frames between, from 0 to 1.
        usable: The same, without pixels that look otherwise, or whose
            surroundings were bent.
        light: What was added to the light and color of its strokes.
    """

    picture: np.ndarray
    frame: np.ndarray
    places: np.ndarray
    followed: np.ndarray
    usable: np.ndarray
    light: np.ndarray

    @classmethod
    def begin(cls, gray: np.ndarray, picture: np.ndarray) -> "Anchor":
        """Makes an anchor.

        Args:
            gray: Frame as bytes; see `flow.gray`.
            picture: What was painted of it.
        """
        ones = np.ones(gray.shape, np.float32)
        return cls(
            picture=picture,
            frame=gray / np.float32(255),
            places=flow.grid(*gray.shape),
            followed=ones,
            usable=ones,
            light=np.zeros_like(picture),
        )

    def follow(
        self, gray: np.ndarray, step: np.ndarray, seen: np.ndarray
    ) -> None:
        """Follows the clip to the next frame.

        Args:
            gray: The frame as bytes.
            step: Place of each of its pixels in the frame before.
            seen: Whether it is seen there, from 0 to 1.
        """
        self.places = flow.sample(self.places, step, smooth=True)
        self.light = flow.sample(self.light, step, smooth=True)
        self.followed = flow.sample(self.followed, step, smooth=True) * seen
        shown = flow.sample(self.frame, self.places, smooth=True)
        alike = _alike(gray / np.float32(255), shown)
        within = flow.inside(self.places)
        self.usable = self.followed * alike * within * _unbent(self.places)

    def strokes(self, picture: np.ndarray) -> np.ndarray:
        """Returns its strokes at their places, in the light of a picture.

        Args:
            picture: What was painted of the last frame.
        """
        moved = flow.sample(self.picture, self.places, smooth=False)
        gap = blur(picture - moved, _LIGHT) - self.light
        # Not in place: a checkpoint may be writing the array.
        self.light = self.light + _FOLLOW * gap
        return moved + self.light


def _alike(frame: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Returns 1 where frames are alike but for noise and light, else 0."""
    gap = frame - shown
    gap = np.abs(blur(gap, _NOISE) - blur(gap, _SHADE))
    return np.clip(2 - gap / _OTHER, 0, 1)


def _unbent(places: np.ndarray) -> np.ndarray:
    """Returns 1 where places are as far apart as pixels, 0 where they bend.

    Strokes are dragged along beside things that move over plain walls.
    """
    cv2 = flow.load_cv2()
    across = cv2.Sobel(places, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(places, cv2.CV_32F, 0, 1, scale=1 / 8)
    slopes = (*cv2.split(across), *cv2.split(down))
    gaps = [np.abs(x - y) for x, y in zip(slopes, (1, 0, 0, 1), strict=True)]
    bent = np.maximum.reduce(gaps)
    return np.clip(2 - bent / np.float32(_BENT), 0, 1)
