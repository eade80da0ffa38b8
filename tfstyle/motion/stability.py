"""Makes painted frames fit the ones before.

A model paints each frame anew: what moves by half a pixel gets other strokes.
So the strokes of two earlier pictures, the anchors, are moved along with the
clip, and one fades into the other. When it has, the newest picture becomes the
next anchor. So strokes last for a second, are never blurred by resampling
again and again, and never jump. Where no anchor shows what the frame does, most
of the last result is moved along.

Where the anchors show nearly all, only every second frame is painted.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from tfstyle.motion import filters, flow
from tfstyle.motion.anchors import Anchor

_PERIOD = 16  # Frames in which an anchor fades into the next.
_RECENT = 0.6  # Share of the last result where there is no anchor.
_EDGE = 2.0  # Width of edges between what is moved and what is new, in pixels.
_ENOUGH = 0.8  # Part of a frame that anchors must show if it is not painted.
_TINY = 1e-6


@dataclasses.dataclass(eq=False)
class _Last:
    """The frame before.

    Attributes:
        gray: The frame as bytes.
        picture: What was painted of it.
        result: What was made of that.
    """

    gray: np.ndarray
    picture: np.ndarray
    result: np.ndarray


class Stabilizer:
    """Makes each picture of a clip fit the ones before.

    Args:
        stability: How much, from 0, pictures as they are, to 1.
    """

    def __init__(self, stability: float) -> None:
        self._stability = np.float32(stability)
        self.reset()

    def reset(self) -> None:
        """Forgets all frames, such as at a cut."""
        self._anchors: list[Anchor] = []
        self._last: _Last | None = None
        self._age = 0  # Frames since the newest anchor.
        self._skipped = False  # Whether the last frame was not painted.

    def steady(
        self, frame: np.ndarray, paint: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """Returns the picture of the next frame, made to fit the last ones.

        Args:
            frame: Frame of the clip, `(height, width, 3)`.
            paint: Function that paints it.
        """
        if not self._stability:
            return paint()
        gray = flow.gray(frame)
        if self._last is None:
            picture = result = paint()
        else:
            picture, result = self._next(self._last, gray, paint)
        self._last = _Last(gray, picture, result)
        self._age += 1
        due = not self._anchors or self._age >= _PERIOD
        if due and not self._skipped:
            self._anchors = [*self._anchors[-1:], Anchor.begin(gray, picture)]
            self._age = 0
        return result

    def _next(
        self, last: _Last, gray: np.ndarray, paint: Callable[[], np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The picture of a frame, and what is made of it."""
        step, seen = flow.follow(gray, last.gray)
        for anchor in self._anchors:
            anchor.follow(gray, step, seen)
        shares = self._shares()
        self._skipped = not self._skipped and self._suffice(shares)
        if self._skipped:
            picture = flow.sample(last.picture, step, smooth=False)
        else:
            picture = paint()
        recent = _RECENT * filters.blur(seen, _EDGE)[..., None]
        moved = flow.sample(last.result, step, smooth=False)
        base = picture + recent * (moved - picture)
        kept = base
        for share, anchor in zip(shares, self._anchors, strict=True):
            kept = kept + share[..., None] * (anchor.strokes(picture) - base)
        result = picture + self._stability * (kept - picture)
        result = filters.sharpened(result, picture)
        return picture, np.clip(result, 0, 1)

    def _suffice(self, shares: list[np.ndarray]) -> bool:
        shown = sum(float(share.mean()) for share in shares)
        return self._stability == 1 and shown > _ENOUGH

    def _shares(self) -> list[np.ndarray]:
        """Share of each anchor in each pixel; their sum is at most 1."""
        usable = [filters.blur(x.usable, _EDGE) for x in self._anchors]
        if len(usable) == 1:
            return usable
        new = np.float32(min(1, (self._age + 1) / _PERIOD))
        shares = [(1 - new) * usable[0], new * usable[1]]
        # Where only one shows the frame, it is not mixed with anything.
        most = np.maximum(*usable) / np.maximum(sum(shares), _TINY)
        return [most * share for share in shares]

    def state(self) -> dict[str, np.ndarray]:
        """Returns all that it knows as arrays, for `restore`."""
        if self._last is None:
            return {}
        found = {"place": np.array([self._age, self._skipped])}
        found |= vars(self._last)
        for i, anchor in enumerate(self._anchors):
            found |= {f"{name}{i}": x for name, x in vars(anchor).items()}
        return found

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on from what `state` returned, with the same results."""
        self.reset()
        if "place" not in arrays:  # Each frame is painted by itself.
            return
        age, skipped = arrays["place"].tolist()
        self._age, self._skipped = age, bool(skipped)
        self._last = _Last(*(arrays[x] for x in ("gray", "picture", "result")))
        names = [field.name for field in dataclasses.fields(Anchor)]
        for i in range(2):
            if f"picture{i}" in arrays:
                parts = {name: arrays[f"{name}{i}"] for name in names}
                self._anchors.append(Anchor(**parts))
