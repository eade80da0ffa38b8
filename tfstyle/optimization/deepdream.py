"""DeepDream: strengthens what a network sees in a picture.

Gradient ascent on feature maps, from small to large (octaves), each step with
the picture shifted a little; `ascent` has the step. Deviations from the
notebook that began it (Mordvintsev, Olah and Tyka, "Inceptionism", 2015): bands
of the gradient are normalised each for itself, the picture is continued by its
mirror image instead of its opposite edge, and tiles see beyond themselves, so
that there are neither frames nor seams.
"""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.controls import color
from tfstyle.controls.regions import Regions
from tfstyle.features import memory
from tfstyle.images.conversion import ImageLike, to_image
from tfstyle.images.sizes import octaves
from tfstyle.optimization import ascent, excitation
from tfstyle.optimization.config import DreamConfig
from tfstyle.optimization.run import identity
from tfstyle.pretrained import weights
from tfstyle.runtime import checkpoint, checks, devices
from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress

OnFrame = Callable[[int, np.ndarray], None]

# Of the steps, for frames of a zoom after the first: all would be too much for
# a picture that is dreamt already.
_LATER = 0.25


def deep_dream(
    image: ImageLike,
    config: DreamConfig = DreamConfig(),
    on_step: OnStep | None = None,
    *,
    guide: ImageLike | None = None,
    regions: Regions | None = None,
    on_frame: OnFrame | None = None,
    checkpoint_dir: str | None = None,
) -> np.ndarray:
    """Lets a network dream of what it sees in a picture.

    Args:
        image: An array or tensor, a Pillow image or a path, see
            `tfstyle.images.conversion`.
        config: What to excite, and for how long.
        on_step: Called after each step and each tile; true ends the run. See
            `Progress`. Unlike other losses, `"total"` rises.
        guide: Such an image of any size. The dream is of what is in it.
        regions: Parts of the photograph that are dreamt of; the rest stays as
            it is. See `regions.from_masks`, whose `keep_mask` is this rest.
            Not for a zoom.
        on_frame: Called with the number of each frame of a zoom, from 1, and
            the frame, an array like the result.
        checkpoint_dir: Folder in which the state is kept every minute, and
            when `on_step` ends the run. A run with the same images and
            settings continues from it, and gives what it would have given
            uninterrupted.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1], whose
        longer side is `config.size`, or that of the size at which `on_step`
        ended the run; the last frame of a zoom.

    Raises:
        ValueError: Images and settings do not fit.
        FileNotFoundError: The weights of the network are not at hand.
        MemoryError: The picture would not fit in memory.
        DivergedError: A value was not finite; has the last good picture.
        UnsavedError: The last checkpoint could not be written; has the
            picture, which is complete.

    Example:
        ```python
        config = tfstyle.DreamConfig(size=800, octaves=5)
        picture = tfstyle.deep_dream(photo, config)
        ```
    """
    devices.check_backend()
    checks.kind("config", config, DreamConfig)
    checks.kind("regions", regions, Regions, type(None))
    checks.kind("on_step", on_step, Callable, type(None))
    image = to_image(image)
    guide = None if guide is None else to_image(guide)
    if regions is not None:
        regions.check(image, 0)
        if config.zoom_frames:
            raise ValueError(
                "Regions are for one picture, not for a zoom. Received: "
                f"zoom_frames={config.zoom_frames}"
            )
    config = weights.with_network(config)
    height, width = image.shape[:2]
    shapes = octaves(
        height, width, config.size, config.octaves, config.octave_scale
    )
    run = _Run(image, guide, config, shapes, regions, on_step, checkpoint_dir)
    return run.dream(on_frame)


class _Run:
    """One call of `deep_dream`."""

    def __init__(
        self,
        image: np.ndarray,
        guide: np.ndarray | None,
        config: DreamConfig,
        shapes: list[tuple[int, int]],
        regions: Regions | None,
        on_step: OnStep | None,
        folder: str | None,
    ) -> None:
        self.photo, self.config, self.shapes = image, config, shapes
        self.regions, self.on_step = regions, on_step
        self.started = time.monotonic()
        self.frame = self.index = self.step = 0
        self.picture: tf.Tensor | None = None
        self.tone = np.zeros((2, 3), np.float32)  # Of the first frame.
        given = [image, *([] if guide is None else [guide])]
        given += [] if regions is None else regions.masks()
        settings = None if folder is None else identity(config)
        self.checkpoints = checkpoint.Checkpoints(folder, settings, given)
        self._resume()
        self.network = excitation.make_network(config)
        # Of the first photograph, also where this one is a frame of a zoom.
        self.scores = excitation.scores(self.network, image, guide, config)
        # The last first: what cannot be done is refused at once.
        self.octaves = [self._octave(shape) for shape in reversed(shapes)][::-1]

    def dream(self, on_frame: OnFrame | None) -> np.ndarray:
        """All frames; the last one."""
        while True:
            ended = self._dream()
            if ended:
                self._save()
                return self.checkpoints.deliver(self._finished())
            self.frame += 1
            picture = self._finished()
            if self.config.zoom_frames and on_frame is not None:
                on_frame(self.frame, picture)
            if self.frame >= max(1, self.config.zoom_frames):
                return self.checkpoints.deliver(picture)
            if self.frame == 1:
                self.tone = _tone(picture)
            zoomed = images.zoom(picture, self.config.zoom)
            self.photo = _toned(zoomed, self.tone)
            self.index, self.step, self.picture = 0, 0, None

    def _dream(self) -> bool:
        """One picture, through its sizes; whether the run should end."""
        while True:
            shape = self.shapes[self.index]
            base = images.resize(self.photo, *shape)
            if self.picture is None:
                self.picture = tf.constant(base[None])
            elif self.picture.shape[1:3] != shape:
                self.picture = self._enlarged(base)
            if self._climb(base):
                return True
            if self.index + 1 == len(self.shapes):
                return False
            self.index, self.step = self.index + 1, 0

    def _octave(self, shape: tuple[int, int]) -> ascent.Octave:
        octave = ascent.Octave(self.network, self.scores, shape, self.config)
        memory.check_tile(
            octave.window,
            shape,
            devices.precision(self.config.precision),
            devices.jit_compile(self.config.jit_compile),
            self.config.features,
        )
        return octave

    def _enlarged(self, base: np.ndarray) -> tf.Tensor:
        """The picture at the next size, with the detail that it had lost."""
        shape = base.shape[:2]
        before = images.resize(self.photo, *self.shapes[self.index - 1])
        detail = base - images.resize(before, *shape)
        picture = images.resize(self._current(), *shape) + detail
        return tf.constant(np.clip(picture, 0, 1)[None])

    def _climb(self, base: np.ndarray) -> bool:
        """Steps at one size; whether the run should end."""
        octave = self.octaves[self.index]
        edges = ascent.edges(base, self.config)
        while self.step < self._steps(self.frame):
            look = octave.begin(self.picture, self._shift())
            for tile in range(len(octave.tiles)):
                if tile and self._report({}, tile / len(octave.tiles)):
                    return True
                look = octave.add(look, tile)
            picture, values = octave.end(self.picture, look, edges)
            losses = {name: float(value) for name, value in values.items()}
            self._check(losses)
            self.picture = picture
            self.step += 1
            if self._report(losses):
                return True
            if self.checkpoints.due:
                self._save()
        return False

    def _steps(self, frame: int) -> int:
        share = _LATER if frame else 1
        return max(1, round(share * self.config.steps))

    def _shift(self) -> np.ndarray:
        """Of this step, so that a run that goes on has the same."""
        place = [self.config.seed, self.frame, self.index, self.step]
        random = np.random.default_rng(place)
        return random.integers(0, self.config.jitter + 1, 2, np.int32)

    def _check(self, losses: dict[str, float]) -> None:
        if np.isfinite(losses["total"]):
            return
        height, width = self.shapes[self.index]
        bad = [name for name, x in losses.items() if not np.isfinite(x)]
        raise checkpoint.DivergedError(
            f"The gradient was not finite at {width}x{height}, step "
            f"{self.step + 1}: {', '.join(bad)}. Lower a weight, or take "
            "float32.",
            self._finished(),
        )

    def _current(self) -> np.ndarray:
        return np.array(self.picture)[0]  # Not the tensor's own memory.

    def _finished(self) -> np.ndarray:
        """With the colours that the settings ask for, and what stays."""
        picture = color.finish(self._current(), self.photo, self.config.color)
        if self.regions is None:
            return picture
        photo = images.resize(self.photo, *picture.shape[:2])
        return self.regions.paste(picture, photo)

    def _report(self, losses: dict[str, float], part: float = 0.0) -> bool:
        """Calls `on_step` after a step, or after a part of one."""
        if self.on_step is None:
            return False
        height, width = self.shapes[self.index]
        pixels = [h * w for h, w in self.shapes]
        frames = max(1, self.config.zoom_frames)
        work = [self._steps(frame) * sum(pixels) for frame in range(frames)]
        steps = self._steps(self.frame)
        done = sum(work[: self.frame]) + steps * sum(pixels[: self.index])
        progress = Progress(
            size=max(height, width),
            height=height,
            width=width,
            step=self.step,
            steps=steps,
            done=done + height * width * (self.step + part),
            total=sum(work),
            losses=losses,
            seconds=time.monotonic() - self.started,
            memory=peak() if losses else 0,
        )
        return bool(self.on_step(progress, self._finished))

    def _save(self) -> None:
        arrays = {
            "photo": self.photo,
            "picture": self._current(),
            "tone": self.tone,
        }
        meta = {
            "frame": self.frame,
            "index": self.index,
            "step": self.step,
            "seconds": time.monotonic() - self.started,
        }
        self.checkpoints.save(arrays, meta)

    def _resume(self) -> None:
        found = self.checkpoints.load()
        if found is None:
            return
        arrays, meta = found
        self.photo, self.tone = arrays["photo"], arrays["tone"]
        self.picture = tf.constant(arrays["picture"][None])
        self.frame, self.index = meta["frame"], meta["index"]
        self.step = meta["step"]
        self.started -= meta["seconds"]


def _tone(image: np.ndarray) -> np.ndarray:
    """Mean and deviation of each colour, of shape `(2, 3)`."""
    return np.stack([image.mean((0, 1)), image.std((0, 1))])


def _toned(image: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """With such a tone: from frame to frame colours would grow without end."""
    mean, deviation = _tone(image)
    scaled = (image - mean) / (deviation + 1e-6) * tone[1] + tone[0]
    return np.clip(scaled, 0, 1).astype(np.float32)
