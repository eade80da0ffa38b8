"""Paints frames by optimization, each from the one before.

A frame starts from the last result, moved along with the clip, and takes a few
steps. A further term of the loss holds it to that picture where the last frame
shows the same; where it does not, to an older one that does.

Reference:
    Ruder, Dosovitskiy and Brox, "Artistic Style Transfer for Videos", GCPR
    2016.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from tfstyle.controls import color
from tfstyle.controls.regions import Regions
from tfstyle.motion import flow, mixes
from tfstyle.motion.anchors import Anchor
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.mixes import Mixes
from tfstyle.motion.painting import StoppedError
from tfstyle.objective.term import Maps, Term
from tfstyle.objective.terms import make_terms
from tfstyle.optimization import descent, gatys, run, sight
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime.types import Tensor

_WEIGHT = 400.0  # Weight of the temporal term at a stability of 1.
_FIRST = 4  # Steps of the first frame of a shot, relative to the others.
_OLDER = 10  # Frames from which the older picture comes.
_LEARNING_RATE = 0.015  # Less than at the first frame: little has to change.


@dataclasses.dataclass(frozen=True)
class Temporal:
    """Compares a picture with what it should be, weighted by pixel."""

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the mean square, one value per example."""
        wanted, weights = target
        return ops.mean(weights * ops.square(image - wanted), axis=(1, 2, 3))


class Optimized:
    """Painter of frames; see `painting.Painter`.

    Args:
        styles: Style images, arrays `(height, width, 3)`.
        config: Settings.
        blends: Shares of the styles over time; those of `config` if empty.
        stop: Function that is true when the run should end.

    Raises:
        FileNotFoundError: The weights of the network are not at hand.
    """

    def __init__(
        self,
        styles: Sequence[np.ndarray],
        config: VideoConfig,
        blends: Mixes,
        stop: Callable[[], bool],
    ) -> None:
        self._given, self._config = styles, config
        self._blends, self._stop = blends, stop
        names = {field.name for field in dataclasses.fields(GatysConfig)}
        given = {
            name: value
            for name, value in vars(config).items()
            if name in names - {"size", "tile"}
        }
        self._gatys, self._weights = run.resolve(GatysConfig(**given))
        for mix in blends.values():
            mixed = dataclasses.replace(config, style_mix=tuple(mix))
            mixed.check_styles(len(styles))
        self._first: np.ndarray | None = None  # Frame of the shot.
        self._styles: list[np.ndarray] = []
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._older: Anchor | None = None
        self._age = 0

    def begin(self, frame: np.ndarray) -> None:
        """See `painting.Painter`."""
        _, self._styles = color.prepare(frame, self._given, self._config.color)
        self._first, self._last, self._older = frame, None, None

    def paint(
        self, frame: np.ndarray, time: float, regions: Regions | None
    ) -> np.ndarray:
        """See `painting.Painter`."""
        given, _ = color.prepare(frame, [], self._config.color)
        gray, config = flow.gray(frame), self._gatys
        if self._blends:
            mix = mixes.shares(self._blends, time)
            config = dataclasses.replace(config, style_mix=mix)
        if self._last is None or self._older is None:
            picture = self._new(given, config, regions)
        else:
            wanted = self._target(gray, self._last, self._older)
            picture = self._next(given, config, regions, *wanted)
        if self._older is None or self._age == _OLDER:
            self._older, self._age = Anchor.begin(gray, picture), 0
        self._age += 1
        self._last = gray, picture
        return picture

    def state(self) -> dict[str, np.ndarray]:
        """See `painting.Painter`."""
        if self._first is None or self._last is None or self._older is None:
            return {}
        found = {"first": self._first, "age": np.array(self._age)}
        found |= dict(zip(("gray", "last"), self._last, strict=True))
        older = vars(self._older).items()
        return found | {f"older_{name}": x for name, x in older}

    def restore(
        self, frame: np.ndarray, arrays: Mapping[str, np.ndarray]
    ) -> None:
        """See `painting.Painter`."""
        self.begin(arrays["first"])
        names = [field.name for field in dataclasses.fields(Anchor)]
        self._older = Anchor(**{x: arrays[f"older_{x}"] for x in names})
        self._last = arrays["gray"], arrays["last"]
        self._age = int(arrays["age"])

    def _new(
        self, frame: np.ndarray, config: GatysConfig, regions: Regions | None
    ) -> np.ndarray:
        """Paints the first frame of a shot, coarse to fine."""
        config = dataclasses.replace(
            config,
            size=max(frame.shape[:2]),
            steps=_FIRST * self._config.steps,
            color="style",
        )
        if sight.make_plan(frame, self._styles, config, regions).side:
            raise MemoryError(
                f"Frames of {frame.shape[1]}x{frame.shape[0]} pixels do not "
                "fit in memory at once. Lower `size`."
            )
        picture = gatys.stylize(
            frame,
            self._styles,
            config,
            lambda progress, picture: self._stop(),
            regions=regions,
            weights_file=self._weights,
        )
        self._check()
        return picture

    def _next(
        self,
        frame: np.ndarray,
        config: GatysConfig,
        regions: Regions | None,
        wanted: np.ndarray,
        known: np.ndarray,
    ) -> np.ndarray:
        """Paints a frame from what it should look like where that is known."""
        steps = self._config.steps
        config = dataclasses.replace(config, learning_rate=_LEARNING_RATE)
        network = descent.make_network(config, self._weights)
        terms: dict[str, Term] = make_terms(
            network, frame, self._styles, config, regions
        )
        target = tuple(ops.convert_to_tensor(x[None]) for x in (wanted, known))
        weight = _WEIGHT * self._config.stability
        terms["temporal"] = Term(weight, Temporal(), target)
        optimizer = descent.make_optimizer(config, steps)
        step = descent.compile_step(network, terms, optimizer, config)
        start = np.where(known > 0, wanted, frame)
        state: Any = optimizer.init(start[None], tuple(terms))
        for _ in range(steps):
            self._check()
            state = step(state)
        return np.array(optimizer.result(step, state))[0]

    def _check(self) -> None:
        if self._stop():
            raise StoppedError

    def _target(
        self,
        gray: np.ndarray,
        last: tuple[np.ndarray, np.ndarray],
        older: Anchor,
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a frame should look like, and where that is known: 0 or 1."""
        before, result = last
        step, seen = flow.follow(gray, before)
        older.follow(gray, step, seen)
        recent = flow.sample(result, step, smooth=False)
        other = flow.sample(older.picture, older.places, smooth=False)
        wanted = np.where(seen[..., None] > 0, recent, other)
        known = np.maximum(seen, older.usable > 0.5)[..., None]
        return np.clip(wanted, 0, 1), known.astype(np.float32)
