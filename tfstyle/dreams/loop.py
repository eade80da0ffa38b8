"""Loop of `deep_dream` over the frames of a zoom, their sizes and the steps."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.controls import color
from tfstyle.controls.regions import Regions
from tfstyle.dreams import ascent, excitation
from tfstyle.dreams.config import DreamConfig
from tfstyle.features import memory
from tfstyle.images.sizes import octaves
from tfstyle.optimization.run import Run, Stage
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime.types import Shape

OnFrame = Callable[[int, np.ndarray], None]
"""Function called with the number of a frame, from 1, and the frame."""

# Fraction of the steps for later frames of a zoom, which begin from a dream.
_LATER = 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """Checked arguments of a call of `deep_dream`.

    Attributes:
        image: Photograph, `(height, width, 3)`.
        guide: Image of any size whose contents the dream shows.
        regions: Regions of the photograph that are changed.
        config: Settings, without "auto".
        weights_file: File of the network's weights.
    """

    image: np.ndarray
    guide: np.ndarray | None
    regions: Regions | None
    config: DreamConfig
    weights_file: Resolved

    def images(self) -> list[np.ndarray]:
        """Returns all images, by which checkpoints tell runs apart."""
        guide = [] if self.guide is None else [self.guide]
        masks = [] if self.regions is None else self.regions.masks()
        return [self.image, *guide, *masks]

    def shapes(self) -> list[Shape]:
        """Returns the sizes of a frame, coarse to fine."""
        config = self.config
        height, width = self.image.shape[:2]
        return octaves(
            height, width, config.size, config.octaves, config.octave_scale
        )

    def plan(self) -> list[Stage]:
        """Returns the stages of the run: all sizes of all frames."""
        later = max(1, round(_LATER * self.config.steps))
        frames = max(1, self.config.zoom_frames)
        counts = [self.config.steps] + [later] * (frames - 1)
        return [Stage(shape, n) for n in counts for shape in self.shapes()]


class Dream:
    """Loop of `deep_dream` over the frames, their sizes, and the steps.

    Args:
        inputs: Arguments of the call.
        run: Run with the stages of all frames, from `Inputs.plan`.
    """

    def __init__(self, inputs: Inputs, run: Run) -> None:
        config = inputs.config
        self.run, self.config, self.regions = run, config, inputs.regions
        self.shapes = inputs.shapes()
        self.photo = inputs.image
        self.picture: tf.Tensor | None = None
        self.tone = np.zeros((2, 3), np.float32)  # Of the first frame.
        self._resume()
        self.network = excitation.make_network(config, inputs.weights_file)
        # All frames have the scores of the photograph.
        self.scores = excitation.scores(
            self.network, inputs.image, inputs.guide, config
        )
        # The largest first, so that one that does not fit fails at once.
        reverse = [self._octave(shape) for shape in reversed(self.shapes)]
        self.octaves = reverse[::-1]

    @property
    def place(self) -> tuple[int, int]:
        """Number of the frame and of the size within it, both from 0."""
        return divmod(self.run.index, len(self.shapes))

    def dream(self, on_frame: OnFrame | None) -> np.ndarray:
        """Makes all frames and returns the last one."""
        while True:
            if self._dream():
                self._save()
                return self.run.deliver(self._finished())
            frame = self.place[0] + 1
            picture = self._finished()
            if self.config.zoom_frames and on_frame is not None:
                on_frame(frame, picture)
            if self.run.is_last:
                return self.run.deliver(picture)
            if frame == 1:
                self.tone = _tone(picture)
            zoomed = images.zoom(picture, self.config.zoom)
            self.photo = _toned(zoomed, self.tone)
            self.picture = None
            self.run.advance()

    def _dream(self) -> bool:
        """Makes one frame, size by size; whether the run should end."""
        while True:
            shape = self.run.stage.shape
            base = images.resize(self.photo, *shape)
            if self.picture is None:
                self.picture = tf.constant(base[None])
            elif self.picture.shape[1:3] != shape:
                self.picture = self._enlarged(base)
            if self._climb(base):
                return True
            if self.place[1] + 1 == len(self.shapes):
                return False
            self.run.advance()

    def _octave(self, shape: tuple[int, int]) -> ascent.Octave:
        octave = ascent.Octave(self.network, self.scores, shape, self.config)
        work = memory.Work(
            precision=self.config.precision,
            jit_compile=self.config.jit_compile == "on",
            features=self.config.features,
        )
        memory.check_tile(octave.window, shape, work)
        return octave

    def _enlarged(self, base: np.ndarray) -> tf.Tensor:
        """Enlarges the picture to the next size and adds the lost detail."""
        shape = base.shape[:2]
        before = images.resize(self.photo, *self.shapes[self.place[1] - 1])
        detail = base - images.resize(before, *shape)
        picture = images.resize(self._current(), *shape) + detail
        return tf.constant(np.clip(picture, 0, 1)[None])

    def _climb(self, base: np.ndarray) -> bool:
        """Takes the steps at one size; whether the run should end."""
        octave = self.octaves[self.place[1]]
        edges = ascent.edges(base, self.config)
        while self.run.step < self.run.stage.steps:
            look = octave.begin(self.picture, self._shift())
            for tile in range(len(octave.tiles)):
                if tile and self._report({}, tile / len(octave.tiles)):
                    return True
                look = octave.add(look, tile)
            picture, values = octave.end(self.picture, look, edges)
            losses = {name: float(value) for name, value in values.items()}
            self._check(losses)
            self.picture = picture
            self.run.step += 1
            if self._report(losses):
                return True
            if self.run.save_is_due:
                self._save()
        return False

    def _shift(self) -> np.ndarray:
        """Returns the shift of this step, which is the same after a resume."""
        place = [self.config.seed, *self.place, self.run.step]
        random = np.random.default_rng(place)
        return random.integers(0, self.config.jitter + 1, 2, np.int32)

    def _check(self, losses: dict[str, float]) -> None:
        if not np.isfinite(losses["total"]):
            step, picture = self.run.step + 1, self._finished()
            raise self.run.diverged(
                "gradient", step, losses, "a weight", picture
            )

    def _current(self) -> np.ndarray:
        return np.array(self.picture)[0]  # Not the tensor's own memory.

    def _finished(self) -> np.ndarray:
        """Returns the picture with its final colors, kept regions pasted."""
        picture = color.finish(self._current(), self.photo, self.config.color)
        if self.regions is None:
            return picture
        photo = images.resize(self.photo, *picture.shape[:2])
        return self.regions.paste(picture, photo)

    def _report(self, losses: dict[str, float], part: float = 0.0) -> bool:
        """Reports a step, or a part of one; whether the run should end."""
        return self.run.report(losses, self._finished, part)

    def _save(self) -> None:
        frame, index = self.place
        arrays = {
            "photo": self.photo,
            "picture": self._current(),
            "tone": self.tone,
        }
        self.run.save(arrays, {"frame": frame, "index": index})

    def _resume(self) -> None:
        found = self.run.resume()
        if found is None:
            return
        arrays, meta = found
        self.run.index += meta["frame"] * len(self.shapes)
        self.photo, self.tone = arrays["photo"], arrays["tone"]
        self.picture = tf.constant(arrays["picture"][None])


def _tone(image: np.ndarray) -> np.ndarray:
    """Returns the mean and deviation of each color channel, `(2, 3)`."""
    return np.stack([image.mean((0, 1)), image.std((0, 1))])


def _toned(image: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """Gives an image a tone; otherwise colors would grow frame by frame."""
    mean, deviation = _tone(image)
    scaled = (image - mean) / (deviation + 1e-6) * tone[1] + tone[0]
    return np.clip(scaled, 0, 1).astype(np.float32)
