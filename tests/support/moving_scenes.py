"""Clips of a photograph whose motion is known exactly."""

import numpy as np

from tfstyle import images
from tfstyle.motion import flow


class Scene:
    """A photograph that pans and zooms, and a disc that moves before it.

    Args:
        photo: Photograph, larger than the frames.
        front: Picture of the disc; `None` for none.
        shape: Height and width of the frames.
        pan: Pixels of the photograph by which a frame moves to the right.
        noise: Deviation of the noise of each frame.
    """

    def __init__(self, photo, front, shape, pan=2.2, noise=0.015):
        self._photo, self._front, self._shape = photo, front, shape
        self._pan, self._noise = pan, noise
        self._grid = flow.grid(*shape)

    def frame(self, number):
        """A frame, `(height, width, 3)`, float32."""
        pixels = flow.sample(self._photo, self._places(number), smooth=False)
        if self._front is not None:
            places = self._grid - self._front_place(number)
            front = flow.sample(self._front, places, smooth=False)
            cover = self._cover(number)[..., None]
            pixels = pixels + cover * (front - pixels)
        random = np.random.default_rng(number)
        pixels = pixels + random.normal(0, self._noise, pixels.shape)
        return np.clip(pixels, 0, 1).astype(np.float32)

    def motion(self, number, other):
        """Flow from a frame to another, and which pixels both show."""
        center, zoom = self._camera(other)
        height, width = self._shape
        middle = np.array([width / 2, height / 2], np.float32)
        places = (self._places(number) - center) / zoom + middle
        seen = np.ones(self._shape, bool)
        if self._front is not None:
            cover = self._cover(number)
            shift = self._front_place(other) - self._front_place(number)
            places = np.where(
                (cover > 0.5)[..., None], self._grid + shift, places
            )
            places = places.astype(np.float32)
            there = flow.sample(self._cover(other), places, smooth=True)
            # Not at its edge, where pixels are mixed.
            seen = ((cover == 1) & (there == 1)) | ((cover + there) == 0)
        seen &= flow.inside(places)
        return (places - self._grid).astype(np.float32), seen

    def _camera(self, number):
        height, width = self._photo.shape[:2]
        center = np.array(
            [
                width / 2 - 40 + self._pan * number,
                height / 2 + 8 * np.sin(number / 9),
            ],
            np.float32,
        )
        return center, np.float32(1.3 - 0.004 * number)

    def _places(self, number):
        center, zoom = self._camera(number)
        height, width = self._shape
        middle = np.array([width / 2, height / 2], np.float32)
        return (self._grid - middle) * zoom + center

    def _front_place(self, number):
        return np.array(
            [20 + 3.7 * number, 60 + 10 * np.sin(number / 5)], np.float32
        )

    def _cover(self, number):
        """1 where the disc is, 0 elsewhere, between at its edge."""
        height, width = self._front.shape[:2]
        middle = np.array([width / 2, height / 2], np.float32)
        away = self._grid - self._front_place(number) - middle
        distance = np.sqrt(np.square(away / middle).sum(-1))
        return np.clip((0.95 - distance) * min(middle) + 0.5, 0, 1)


def scene(examples, shape=(240, 320), front=True, **changes):
    """A scene of two photographs of the repository."""
    longer = 2 * max(shape)
    photo = images.load(examples / "coffee.jpg", longer)
    disc = images.load(examples / "cat.jpg", round(0.6 * max(shape)))
    return Scene(photo, disc if front else None, shape, **changes)
