"""Style transfer by optimising the pixels of a picture (Gatys et al. 2016).

The picture is painted coarse to fine. At each size one compiled step does all
the work: feature maps, losses, their gradient by a `tf.GradientTape`, the
optimiser, the clipping and the running average. Deviations from the paper:
several sizes, relative losses (`objective`), Wasserstein-2 beside the Gram
matrix, and Adam beside L-BFGS, all as in crowsonkb's style-transfer-pytorch
and its sources.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle import (
    adam,
    checkpoint,
    devices,
    features,
    images,
    lbfgs,
    objective,
    schedule,
    weights,
)
from tfstyle.config import GatysConfig
from tfstyle.progress import OnStep, Progress

_FETCH = 10  # Steps between looks at the losses, which wait for the device.
_WINDOW = 2  # Looks that `tolerance` compares.
_CHECKPOINT_SECONDS = 60.0

Shape = tuple[int, int]
State = Any  # `adam.State` or `lbfgs.State`, as the optimizer is.
Optimizer = adam.Adam | lbfgs.LBFGS


class DivergedError(FloatingPointError):
    """A loss was not finite.

    Attributes:
        picture: The last good picture, `(height, width, 3)`.
    """

    def __init__(self, message: str, picture: np.ndarray) -> None:
        super().__init__(message)
        self.picture = picture


def stylize(
    content: np.ndarray,
    styles: np.ndarray | Sequence[np.ndarray],
    config: GatysConfig = GatysConfig(),
    on_step: OnStep | None = None,
    *,
    init: np.ndarray | None = None,
    checkpoint_dir: str | None = None,
) -> np.ndarray:
    """Paints a photograph in the style of one or more pictures.

    Args:
        content: Array of shape `(height, width, 3)`, RGB in [0, 1].
        styles: One such array of any size, or several, which are blended.
        config: What to minimise, and for how long.
        on_step: Called after each step; true ends the run. See `progress`.
        init: Array to start from, of any size; `config.init` if `None`.
        checkpoint_dir: Folder in which the state is kept every minute and at
            the end. A run with the same images and settings continues from
            it, and gives what it would have given uninterrupted.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1], whose
        longer side is `config.size`, or that of the size at which `on_step`
        ended the run: the running average or the best step of the last size,
        whichever has the lower loss.

    Raises:
        ValueError: Images, settings and number of styles do not fit.
        FileNotFoundError: The weights of the network are not at hand.
        MemoryError: The picture would not fit in memory.
        DivergedError: A loss was not finite; has the last good picture.

    Example:
        picture = tfstyle.stylize(photo, [wave, night], GatysConfig(size=256))

    Reference:
        Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional
        Neural Networks", CVPR 2016.
    """
    styles = [styles] if isinstance(styles, np.ndarray) else list(styles)
    _check_images([content, *styles])
    config.check_styles(len(styles))
    height, width = content.shape[:2]
    shapes = schedule.sizes(height, width, config.size)
    run = _Run(content, styles, config, shapes, on_step, checkpoint_dir)
    return run.paint(init)


class _Run:
    """One call of `stylize`."""

    def __init__(
        self,
        content: np.ndarray,
        styles: list[np.ndarray],
        config: GatysConfig,
        shapes: list[Shape],
        on_step: OnStep | None,
        folder: str | None,
    ) -> None:
        self.content, self.styles, self.config = content, styles, config
        self.shapes, self.on_step, self.folder = shapes, on_step, folder
        self.optimizer = _optimizer(config)
        self.started = time.monotonic()
        self.saved = self.started
        self.index = 0
        self.step = 0
        self.looks: list[float] = []

    def paint(self, init: np.ndarray | None) -> np.ndarray:
        state = self._resume()
        network = _network(self.config)
        while True:
            shape = self.shapes[self.index]
            photo = images.resize(self.content, *shape)
            terms = objective.terms(network, photo, self.styles, self.config)
            update = _compile(network, terms, self.optimizer, self.config)
            if state is None:
                start = _initial(photo, self.styles, self.config, init)
                state = self.optimizer.init(start[None], tuple(terms))
            elif state.x.shape[1:3] != shape:
                state = self.optimizer.resize(state, *shape)
            state, ended = self._descend(update, state)
            if ended or self.index + 1 == len(self.shapes):
                self._save(state)
                return _best(update, self.optimizer, state)
            self.index, self.step, self.looks = self.index + 1, 0, []

    def _descend(
        self, update: Callable[[State], State], state: State
    ) -> tuple[State, bool]:
        """Steps at one size; whether the run should end."""
        while self.step < self.config.steps:
            state = update(state)
            self.step += 1
            fetch = self.step % _FETCH == 0 or self.step == self.config.steps
            losses = self._fetch(state) if fetch or self.step == 1 else {}
            if self._report(state, losses):
                return state, True
            if losses and self._reached(losses["total"], state):
                return state, False
            if time.monotonic() - self.saved > _CHECKPOINT_SECONDS:
                self._save(state)
        return state, False

    def _fetch(self, state: State) -> dict[str, float]:
        terms = {name: float(value) for name, value in state.aux.items()}
        if not np.isfinite(float(state.value)):
            bad = [name for name, x in terms.items() if not np.isfinite(x)]
            width, height = self.shapes[self.index][::-1]
            step = getattr(state, "age", self.step)
            raise DivergedError(
                f"The loss was not finite at {width}x{height}, step "
                f"{int(step) + 1}: {', '.join(bad) or 'the gradient'}. Lower "
                "the learning rate or that weight, or take float32.",
                _picture(self.optimizer, state),
            )
        return {"total": float(state.value)} | _grouped(terms) | terms

    def _report(self, state: State, losses: Mapping[str, float]) -> bool:
        if self.on_step is None:
            return False
        height, width = self.shapes[self.index]
        work = [h * w * self.config.steps for h, w in self.shapes]
        progress = Progress(
            size=max(height, width),
            height=height,
            width=width,
            step=self.step,
            steps=self.config.steps,
            done=sum(work[: self.index]) + height * width * self.step,
            total=sum(work),
            losses=losses,
            seconds=time.monotonic() - self.started,
            memory=devices.peak_memory() if losses else 0,
        )
        return bool(
            self.on_step(progress, lambda: _picture(self.optimizer, state))
        )

    def _reached(self, loss: float, state: State) -> bool:
        """Whether this size is done before its last step."""
        self.looks.append(loss)
        if loss <= self.config.loss_threshold:
            return True
        if isinstance(state, lbfgs.State) and state.converged:
            return True
        if len(self.looks) <= _WINDOW:
            return False
        before = self.looks[-1 - _WINDOW]
        return before - loss < self.config.tolerance * before

    def _save(self, state: State) -> None:
        if self.folder is None:
            return
        self.saved = time.monotonic()
        meta = {
            "key": self._key(),
            "index": self.index,
            "step": self.step,
            "looks": self.looks,
            "seconds": self.saved - self.started,
        }
        checkpoint.save(self.folder, state.to_numpy(), meta)

    def _resume(self) -> State | None:
        found = checkpoint.load(self.folder) if self.folder else None
        if found is None:
            return None
        arrays, meta = found
        if meta["key"] != self._key():
            raise ValueError(
                f"The checkpoint in '{self.folder}' belongs to other images "
                "or settings. Give those, another folder, or delete it."
            )
        self.index, self.step = meta["index"], meta["step"]
        self.looks = meta["looks"]
        self.started -= meta["seconds"]
        kind = lbfgs if isinstance(self.optimizer, lbfgs.LBFGS) else adam
        return kind.State.from_numpy(arrays)

    def _key(self) -> str:
        """Tells runs with other images or settings apart."""
        settings = json.dumps(dataclasses.asdict(self.config), sort_keys=True)
        digest = hashlib.sha256(settings.encode())
        for image in [self.content, *self.styles]:
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


def _check_images(arrays: Sequence[np.ndarray]) -> None:
    for image in arrays:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.float32:
            raise ValueError(
                "Images must be float32 arrays of shape (height, width, 3). "
                f"Received: {image.dtype} of shape {image.shape}"
            )
        if not (image.min() >= 0 and image.max() <= 1):  # NaN is refused too.
            raise ValueError(
                "Images must hold values in [0, 1]. Received: values from "
                f"{image.min()} to {image.max()}"
            )


def _optimizer(config: GatysConfig) -> Optimizer:
    if config.optimizer == "lbfgs":
        return lbfgs.LBFGS()
    return adam.Adam(learning_rate=config.learning_rate, steps=config.steps)


def _network(config: GatysConfig) -> keras.Model:
    path = config.feature_weights
    name = config.features
    if name == "auto":
        name = weights.auto(path)
    precision = config.precision
    if config.optimizer == "lbfgs":  # Its line search needs exact values.
        precision = "float32"
    return features.extractor(
        name,
        [*config.content_layers, *config.style_layers],
        config.pooling,
        path or "imagenet",
        dtype=devices.precision(precision),
    )


def _compile(
    network: keras.Model,
    terms: Mapping[str, objective.Term],
    optimizer: Optimizer,
    config: GatysConfig,
) -> Callable[[State], State]:
    """The step at one size, as one graph."""

    def evaluate(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            maps = network(image)
            values = {
                name: term.weight * term.loss(image, maps)[0]
                for name, term in terms.items()
            }
            value = tf.add_n(list(values.values()))
        return value, tape.gradient(value, image), values

    def update(state):
        return optimizer.step(evaluate, state)

    strategy = tf.distribute.get_strategy()
    return tf.function(
        lambda state: strategy.run(update, (state,)),
        autograph=False,
        jit_compile=devices.jit_compile(config.jit_compile),
    )


def _initial(
    photo: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    init: np.ndarray | None,
) -> np.ndarray:
    """The picture before the first step, with the shape of `photo`."""
    if init is not None:
        return images.resize(init, *photo.shape[:2])
    random = np.random.default_rng(config.seed)
    if config.init == "content":
        return photo
    if config.init == "grey":
        return np.full_like(photo, 0.5)
    if config.init == "noise":
        return random.random(photo.shape, np.float32)
    colours = np.concatenate([style.reshape(-1, 3) for style in styles])
    noise = random.multivariate_normal(
        colours.mean(0), np.cov(colours.T), photo.shape[:2]
    )
    return np.clip(noise, 0, 1).astype(np.float32)


def _grouped(terms: Mapping[str, float]) -> dict[str, float]:
    """Sums such as "style" of the terms "style/block1_conv1" and so on."""
    sums: dict[str, float] = {}
    for name, value in terms.items():
        group = name.split("/")[0]
        sums[group] = sums.get(group, 0.0) + value
    return sums


def _picture(optimizer: Optimizer, state: State) -> np.ndarray:
    return np.asarray(optimizer.picture(state))[0]


def _best(
    update: Callable[[State], State], optimizer: Optimizer, state: Any
) -> np.ndarray:
    """The running average, or the best step where that has a lower loss."""
    if isinstance(state, lbfgs.State):
        return _picture(optimizer, state)
    average = optimizer.picture(state)
    # The step that was compiled evaluates before it moves.
    value = update(state._replace(x=average)).value
    return np.asarray(average if value <= state.best_value else state.best)[0]
