"""Paints frames by a model of any style, in one pass each."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfstyle.adain.stylizers import KerasStylizer, Style, Stylizer
from tfstyle.controls import color
from tfstyle.controls.regions import Regions
from tfstyle.images import sizes
from tfstyle.motion import mixes
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.mixes import Mixes
from tfstyle.motion.stability import Stabilizer

_NEW = 0.1  # Share of a frame in the embedding that stands for it.
_NOTHING = np.empty(0, np.uint8)


class OnePass:
    """Painter of frames; see `painting.Painter`.

    The styles are embedded once for a shot, and anew when the regions take
    other parts of them; the frames' own embeddings are averaged over about ten
    frames. Large frames are painted from coarse to fine.

    Args:
        stylizer: Model.
        styles: Style images, arrays `(height, width, 3)`.
        config: Settings.
        blends: Shares of the styles over time; those of `config` if empty.
        regions: Regions of the first frame and of the styles.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        styles: Sequence[np.ndarray],
        config: VideoConfig,
        blends: Mixes,
        regions: Regions | None,
    ) -> None:
        self._stylizer, self._given, self._config = stylizer, styles, config
        self._times = list(blends) or [0.0]
        self._controls = [
            dataclasses.replace(config, style_mix=tuple(mix))
            for mix in blends.values()
        ] or [config]
        self._regions = regions
        self._stabilizer = Stabilizer(config.stability)
        self._styles: list[Style] = []
        self._parts = _NOTHING  # Of the styles: what is embedded.
        self._own: dict[int, np.ndarray] = {}  # For each size.
        self._first: Any = None  # Frame of the shot.
        for controls in self._controls:
            stylizer.check(styles, controls, regions)

    def begin(self, frame: np.ndarray) -> None:
        """See `painting.Painter`."""
        self._stabilizer.reset()
        self._own, self._first = {}, frame
        if self._config.color != "style":
            self._parts = _NOTHING  # The styles get the colors of this shot.

    def paint(
        self, frame: np.ndarray, time: float, regions: Regions | None
    ) -> np.ndarray:
        """See `painting.Painter`."""
        if not np.array_equal(_parts_of(regions), self._parts):
            self._embed(regions)
            self._own = {}  # They have a row for each region.
        given = frame
        if self._config.color == "luminance":
            given, _ = color.prepare(frame, [], "luminance")
        style = self._style(time, regions)
        return self._stabilizer.steady(given, lambda: self._new(given, style))

    def state(self) -> dict[str, np.ndarray]:
        """See `painting.Painter`."""
        own = {f"own{number}": x for number, x in self._own.items()}
        embeddings = {
            f"embedding{i}": np.asarray(style.embedding)
            for i, style in enumerate(self._styles)
            if style.embedding is not None
        }
        first = {}
        if self._config.color != "style":
            first = {"first": self._first}
        parts = {"parts": self._parts}
        return self._stabilizer.state() | own | first | parts | embeddings

    def restore(
        self, frame: np.ndarray, arrays: Mapping[str, np.ndarray]
    ) -> None:
        """See `painting.Painter`."""
        self._stabilizer.restore(arrays)
        self._first = arrays.get("first", frame)
        self._embed(self._regions)
        if not np.array_equal(arrays.get("parts", _NOTHING), self._parts):
            return  # The regions change at the next frame.
        self._own = {
            int(name.removeprefix("own")): x
            for name, x in arrays.items()
            if name.startswith("own")
        }
        self._styles = [
            dataclasses.replace(style, embedding=arrays[f"embedding{i}"])
            if f"embedding{i}" in arrays
            else style
            for i, style in enumerate(self._styles)
        ]

    def _embed(self, regions: Regions | None) -> None:
        """Embeds the styles, in the colors of the first frame of a shot."""
        _, styles = color.prepare(self._first, self._given, self._config.color)
        self._parts = _parts_of(regions)
        self._styles = [
            self._stylizer.embed(styles, controls, regions)
            for controls in self._controls
        ]
        if len(self._styles) > 1 and self._styles[0].embedding is None:
            raise ValueError(
                "`style_mix` at several times is for models with style "
                "embeddings, such as distilled. Give one blend."
            )

    def _style(self, time: float, regions: Regions | None) -> Style:
        before, after, share = mixes.at(self._times, time)
        style = self._styles[before]
        if share:
            both: Any = [self._styles[i].embedding for i in (before, after)]
            first, last = both
            embedding = first + share * (last - first)
            style = dataclasses.replace(style, embedding=embedding)
        return dataclasses.replace(style, regions=regions)

    def _new(self, frame: np.ndarray, style: Style) -> np.ndarray:
        """Paints a frame anew, if it is large from coarse to fine."""
        strength, stylizer = self._config.strength, self._stylizer

        def paint(given: np.ndarray, size: int) -> np.ndarray:
            if not isinstance(stylizer, KerasStylizer):
                return stylizer.stylize(given, style, strength)
            picture, self._own[size] = stylizer.stylize_next(
                given, style, strength, self._own.get(size), _NEW
            )
            return picture

        start_size = self._config.start_size
        return sizes.coarse_to_fine(frame, start_size, paint)


def _parts_of(regions: Regions | None) -> np.ndarray:
    """Hash of the parts of the styles that regions take, in their order."""
    found = hashlib.sha256()
    for part in regions.parts if regions else ():
        found.update(repr(list(part.sources)).encode())
        for mask in part.sources.values():
            found.update(b"all" if mask is None else mask.tobytes())
    return np.frombuffer(found.digest(), np.uint8)
