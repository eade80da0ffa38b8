"""Scenes with the statistics of photographs, made from numbers alone.

Things of all sizes, each of a color and a surface of its own, hide each other:
the edges, shades and surfaces of photographs without their objects. Networks
that learn to paint such scenes paint photographs, too
(docs/decisions/adain.md).

References:
    Lee, Mumford and Huang, "Occlusion Models for Natural Images: A Statistical
    Study of a Scale-Invariant Dead Leaves Model", IJCV 2001; Baradad et al.,
    "Learning to See by Looking at Noise", NeurIPS 2021.
"""

import copy
from collections.abc import Sequence
from typing import overload

import numpy as np

_SCENES, _SIDE = 206, 320  # Number and side in pixels of `Scenes`.
_LEAVES = (20, 160)  # Least and most things in a scene.
_SMALLEST, _LARGEST = 0.02, 0.6  # Their radii, relative to the side.
_TAIL = 1.3  # Exponent of the distribution of radii; few are large.
_POWERS = (0.8, 1.2, 1.6, 2.0)  # Of the spectra of surfaces: rough to cloudy.


class Scenes(Sequence[np.ndarray]):
    """Scenes to learn from where there are no photographs.

    Each is made when it is first asked for: all of them take as long as
    hundreds of steps of a training.

    Args:
        seed: Seed of all scenes.

    Attributes:
        made: The scenes made so far, by index; slices share them.
    """

    def __init__(self, seed: int) -> None:
        self.made: dict[int, np.ndarray] = {}
        self._seed = seed
        self._indices = range(_SCENES)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> "Scenes": ...

    def __getitem__(self, index: int | slice) -> "np.ndarray | Scenes":
        """Returns a scene, or a part of them."""
        if isinstance(index, slice):
            part = copy.copy(self)
            part._indices = self._indices[index]
            return part
        number = self._indices[index]
        if number not in self.made:
            random = np.random.default_rng([self._seed, number])
            self.made[number] = scene(_SIDE, random)
        return self.made[number]


def scene(side: int, random: np.random.Generator) -> np.ndarray:
    """Makes a scene.

    Args:
        side: Height and width, in pixels.
        random: Source of all random choices.

    Returns:
        Float32 array of shape `(side, side, 3)`, RGB in [0, 1].
    """
    surfaces = [_noise(side, power, random) for power in _POWERS]
    image = _surface(surfaces, (side, side), random)
    count = int(random.integers(*_LEAVES))
    radii = _SMALLEST * (1 + random.pareto(_TAIL, count))
    for radius in np.sort(np.minimum(radii, _LARGEST))[::-1]:
        _leaf(image, surfaces, side * radius, random)
    light = 1 + 0.25 * random.random() * _noise(side, 2.0, random)
    exposure = random.uniform(0.7, 1.4)
    lit = np.clip(image * light[..., None], 0, 1) ** exposure
    return lit.astype(np.float32)


def _noise(side: int, power: float, random: np.random.Generator) -> np.ndarray:
    """Noise whose amplitudes fall with the frequency; deviation 1."""
    down, across = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    frequency = np.hypot(down[:, None], across)
    frequency[0, 0] = np.inf
    waves = random.normal(size=(2, *frequency.shape))
    found = np.fft.irfft2((waves[0] + 1j * waves[1]) / frequency**power)
    found = np.resize(found, (side, side))
    return found / found.std()


def _surface(
    surfaces: list[np.ndarray],
    shape: tuple[int, int],
    random: np.random.Generator,
) -> np.ndarray:
    """A color with a ramp of light and one of the surfaces."""
    color = random.random(3)
    color = color.mean() + random.random() * (color - color.mean())
    side = len(surfaces[0])
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    down, across = random.normal(size=2) * random.uniform(0, 0.4) / side
    ramp = down * rows + across * columns
    chosen = surfaces[random.integers(len(surfaces))]
    top, left = (random.integers(side - n + 1) for n in shape)
    grain = chosen[top : top + shape[0], left : left + shape[1]]
    shade = ramp + random.uniform(0, 0.18) * random.random() * grain
    tint = 1 + 0.3 * random.random() * random.normal(size=3)
    return color + shade[..., None] * tint


def _leaf(
    image: np.ndarray,
    surfaces: list[np.ndarray],
    radius: float,
    random: np.random.Generator,
) -> None:
    """Draws a thing over an image, in place."""
    side = len(image)
    center = side * random.random(2)
    reach = 1.5 * radius + 4
    first = np.clip(center - reach, 0, side).astype(int)
    last = np.clip(center + reach + 1, 0, side).astype(int)
    box = slice(first[0], last[0]), slice(first[1], last[1])
    rows, columns = np.ogrid[box]
    gap = _outside(rows - center[0], columns - center[1], radius, random)
    covered = np.clip(0.5 - gap / random.uniform(0.5, 3), 0, 1)[..., None]
    below = image[box]
    if random.random() < 0.4:  # Its shadow.
        depth = 0.5 * random.random()
        reached = np.exp(-np.maximum(gap, 0) / (0.02 * side))
        below = below * (1 - depth * reached[..., None])
    shape = (last[0] - first[0], last[1] - first[1])
    drawn = _surface(surfaces, shape, random)
    image[box] = below + covered * (drawn - below)


def _outside(
    down: np.ndarray,
    across: np.ndarray,
    radius: float,
    random: np.random.Generator,
) -> np.ndarray:
    """How far pixels are outside of an ellipse, a box or a wavy blot."""
    turn = np.pi * random.random()
    along = across * np.cos(turn) + down * np.sin(turn)
    beside = down * np.cos(turn) - across * np.sin(turn)
    beside = beside / random.uniform(0.3, 1)
    kind = random.integers(3)
    if kind == 0:
        return np.maximum(abs(along), abs(beside)) - radius
    distance = np.hypot(along, beside)
    if kind == 1:
        return distance - radius
    angle = np.arctan2(beside, along)
    waves = sum(
        random.normal() * np.cos(n * angle + 7 * random.random()) / n
        for n in range(1, 6)
    )
    return distance - radius * (1 + 0.2 * waves)
