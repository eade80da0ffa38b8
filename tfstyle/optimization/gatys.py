"""Style transfer by optimising the pixels of a picture (Gatys et al. 2016).

The picture is painted coarse to fine, at each size by the compiled step of
`descent`. Deviations from the paper:
several sizes, relative losses (`objective`), Wasserstein-2 beside the Gram
matrix, and Adam beside L-BFGS, all as in crowsonkb's style-transfer-pytorch
and its sources.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.controls import color, finishing
from tfstyle.controls.regions import Regions
from tfstyle.features import memory
from tfstyle.images.conversion import ImageLike, to_image, to_images
from tfstyle.images.sizes import pyramid
from tfstyle.optimization import adam, descent, lbfgs, objective, strength
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.descent import State
from tfstyle.optimization.run import Stage, identity, stages
from tfstyle.pretrained import weights
from tfstyle.runtime import checkpoint, checks, devices
from tfstyle.runtime.memory import peak
from tfstyle.runtime.progress import OnStep, Progress

_FETCH = 10  # Steps between looks at the losses, which wait for the device.
_WINDOW = 2  # Looks that `tolerance` compares.


def stylize(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    config: GatysConfig = GatysConfig(),
    on_step: OnStep | None = None,
    *,
    init: ImageLike | None = None,
    regions: Regions | None = None,
    checkpoint_dir: str | None = None,
) -> np.ndarray:
    """Paints a photograph in the style of one or more pictures.

    Args:
        content: The photograph: an array or tensor, a Pillow image or a path,
            see `tfstyle.images.conversion`.
        styles: One such image of any size, or several, which are blended.
        config: What to minimise, and for how long.
        on_step: Called after each step, and once more before the first step
            of a size is compiled; true ends the run. See `Progress`.
        init: Image to start from, of any size; `config.init` if `None`.
        regions: Where in the photograph each style goes, and from where in
            the style; where there are none the photograph stays as it is.
        checkpoint_dir: Folder in which the state is kept every minute and at
            the end. A run with the same images and settings continues from
            it, and gives what it would have given uninterrupted.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1], whose
        longer side is `config.size`, or that of the size at which `on_step`
        ended the run: the running average or the best step of that size,
        whichever has the lower loss; the best step if `on_step` ended it.

    Raises:
        ValueError: Images, settings and number of styles do not fit.
        FileNotFoundError: The weights of the network are not at hand.
        MemoryError: The picture would not fit in memory.
        UnsavedError: The last checkpoint could not be written; has the
            picture, which is complete.
        DivergedError: A loss was not finite; has the last good picture.

    Example:
        ```python
        config = tfstyle.GatysConfig(size=256)
        picture = tfstyle.stylize(photo, [wave, night], config)
        ```

    Reference:
        Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional
        Neural Networks", CVPR 2016.
    """
    devices.check_backend()
    checks.kind("config", config, GatysConfig)
    checks.kind("regions", regions, Regions, type(None))
    checks.kind("on_step", on_step, Callable, type(None))
    content, styles = to_image(content), to_images(styles)
    init = None if init is None else to_image(init)
    config.check_styles(len(styles), regions is not None and regions.apart)
    if regions is not None:
        regions.check(content, len(styles))
        config.check_regions()
    height, width = content.shape[:2]
    shapes = pyramid(height, width, config.size, config.start_size)
    if not config.strength:
        return images.resize(content, *shapes[-1])
    # With a strength below 1, the style's share is found between the parts.
    parts = strength.PARTS if config.strength < 1 else 1
    plan = stages(shapes, config.steps, config.coarse_share, parts)
    config = weights.with_network(config)
    finish = functools.partial(
        finishing.finish, content=content, config=config, regions=regions
    )
    content, styles = color.prepare(content, styles, config.color)
    check_memory(content, styles, config, regions)
    if init is None and config.init == "transfer":
        init = strength.in_one_pass(content, styles, config, regions=regions)
    run = _Run(
        content,
        styles,
        config,
        plan,
        init,
        regions,
        finish,
        on_step,
        checkpoint_dir,
    )
    return run.paint()


class _Run:
    """One call of `stylize`."""

    def __init__(
        self,
        content: np.ndarray,
        styles: list[np.ndarray],
        config: GatysConfig,
        plan: list[Stage],
        init: np.ndarray | None,
        regions: Regions | None,
        finish: Callable[[np.ndarray], np.ndarray],
        on_step: OnStep | None,
        folder: str | None,
    ) -> None:
        self.content, self.styles, self.config = content, styles, config
        self.plan, self.init, self.regions = plan, init, regions
        self.finish = finish
        self.on_step = on_step
        given = [content, *styles, *([] if init is None else [init])]
        layout = None
        if regions is not None:
            given += regions.masks()
            layout = regions.layout()
        note = [len(styles), layout]
        settings = None if folder is None else identity(config, note)
        self.checkpoints = checkpoint.Checkpoints(folder, settings, given)
        self.share = strength.Share(content, styles, config, regions)
        self.started = time.monotonic()
        self.index = 0
        self.step = 0
        self.looks: list[float] = []
        self.last: tuple[Progress, Callable[[], np.ndarray]] | None = None

    def paint(self) -> np.ndarray:
        state = self._resume()
        networks = functools.cache(
            lambda draft: descent.make_network(self.config, draft)
        )
        while True:
            shape, steps = self.plan[self.index]
            coarse = shape != self.plan[-1].shape
            network = networks(self.config.draft and coarse)
            photo = images.resize(self.content, *shape)
            terms = objective.terms(
                network,
                photo,
                self.styles,
                self.config,
                None if self.regions is None else self.regions.parts,
                self.share.value,
            )
            if self._asked_again():
                return self._deliver(state, self._best_step(state))
            self.optimizer = descent.make_optimizer(self.config, steps)
            update = descent.compile_step(
                network, terms, self.optimizer, self.config
            )
            self.gradients = descent.compile_gradients(network, terms)
            if state is None:
                start = descent.initial_picture(
                    photo, self.styles, self.config, self.init
                )
                state = self.optimizer.init(start[None], tuple(terms))
            elif not self.step:
                shape_before = self.plan[self.index - 1].shape
                before = images.resize(self.content, *shape_before)
                detail = self.share.lost_detail(photo, before)
                state = self.optimizer.resize(state, *shape, detail)
            state, ended = self._descend(update, state, steps)
            if ended:
                return self._deliver(state, self._best_step(state))
            if self.index + 1 == len(self.plan):
                return self._deliver(state, self._best(update, state))
            if self.share.adaptive:
                picture = self._best(update, state)
                self.share.adapt(network, photo, picture)
            self.index, self.step, self.looks = self.index + 1, 0, []

    def _descend(
        self, update: Callable[[State], State], state: State, steps: int
    ) -> tuple[State, bool]:
        """Steps at one size; whether the run should end."""
        while self.step < steps:
            state = update(state)
            self.step += 1
            fetch = self.step % _FETCH == 0 or self.step == steps
            losses = self._fetch(state) if fetch or self.step == 1 else {}
            # First of all, so that it is known when a run that the report
            # ended is continued.
            reached = bool(losses) and self._reached(losses["total"], state)
            ended = self._report(state, losses)
            if reached:
                self.step = steps
            if ended or reached:
                return state, ended
            if self.checkpoints.due:
                self._save(state)
        return state, False

    def _best(
        self, update: Callable[[State], State], state: State
    ) -> np.ndarray:
        """The running average, or the best step where that has a lower loss."""
        average = self.optimizer.picture(state)
        # The compiled step evaluates before it moves.
        if (
            isinstance(state, lbfgs.State)
            or update(state._replace(x=average)).value <= state.best_value
        ):
            return np.array(average)[0]
        return self._best_step(state)

    def _best_step(self, state: State) -> np.ndarray:
        """The picture for who ended the run and is in a hurry."""
        best = state.x if isinstance(state, lbfgs.State) else state.best
        return np.array(best)[0]  # Not the tensor's own memory.

    def _deliver(self, state: State, picture: np.ndarray) -> np.ndarray:
        self._save(state)
        return self.checkpoints.deliver(self.finish(picture))

    def _picture(self, state: State) -> np.ndarray:
        return self.finish(np.array(self.optimizer.picture(state))[0])

    def _fetch(self, state: State) -> dict[str, float]:
        terms = {name: float(value) for name, value in state.aux.items()}
        if not _is_finite(state):
            bad = [name for name, x in terms.items() if not np.isfinite(x)]
            width, height = self.plan[self.index].shape[::-1]
            # Steps are looked at later than taken. L-BFGS only fails at its
            # first: it backs away from others.
            step = int(getattr(state, "age", 0)) + 1
            raise checkpoint.DivergedError(
                f"The loss was not finite at {width}x{height}, step "
                f"{step}: {', '.join(bad) or 'the gradient'}. Lower "
                "the learning rate or that weight, or take float32.",
                self._picture(state),
            )
        return {"total": float(state.value)} | _grouped(terms) | terms

    def _report(self, state: State, losses: Mapping[str, float]) -> bool:
        if self.on_step is None:
            return False
        (height, width), steps = self.plan[self.index]
        work = [h * w * count for (h, w), count in self.plan]
        gradients = self.gradients  # Of this size, whenever they are asked for.
        progress = Progress(
            size=max(height, width),
            height=height,
            width=width,
            step=self.step,
            steps=steps,
            done=sum(work[: self.index]) + height * width * self.step,
            total=sum(work),
            losses=losses,
            seconds=time.monotonic() - self.started,
            memory=peak() if losses else 0,
            gradients=lambda: gradients(state.x),
        )
        self.last = progress, lambda: self._picture(state)
        return bool(self.on_step(*self.last))

    def _asked_again(self) -> bool:
        """Whether the run should end before a size begins.

        Targets, the compilation and the first step take too long together
        for who presses Ctrl-C.
        """
        if self.on_step is None or self.last is None:
            return False
        progress, picture = self.last
        again = dataclasses.replace(progress, losses={}, memory=0)
        return bool(self.on_step(again, picture))

    def _reached(self, loss: float, state: State) -> bool:
        """Whether this size is done before its last step."""
        self.looks.append(loss)
        # 0 is for never: losses may rise, and may round to less than 0.
        tolerance = self.config.tolerance
        if 0 < self.config.loss_threshold >= loss:
            return True
        if isinstance(state, lbfgs.State) and state.converged:
            return True
        if not tolerance or len(self.looks) <= _WINDOW:
            return False
        before = self.looks[-1 - _WINDOW]
        return before - loss < tolerance * before

    def _save(self, state: State) -> None:
        meta = {
            "index": self.index,
            "step": self.step,
            "looks": self.looks,
            "share": self.share.value,
            "found": self.share.found,
            "seconds": time.monotonic() - self.started,
        }
        self.checkpoints.save(state.to_numpy(), meta)

    def _resume(self) -> State | None:
        found = self.checkpoints.load()
        if found is None:
            return None
        arrays, meta = found
        self.index, self.step = meta["index"], meta["step"]
        self.looks = meta["looks"]
        self.share.value, self.share.found = meta["share"], meta["found"]
        self.started -= meta["seconds"]
        kind = lbfgs if self.config.optimizer == "lbfgs" else adam
        return kind.State.from_numpy(arrays)


def check_memory(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    regions: Regions | None,
) -> None:
    """Raises `MemoryError` if `stylize` would; `config` names a network."""
    height, width = content.shape[:2]
    shape = pyramid(height, width, config.size, config.start_size)[-1]
    style_shapes = objective.style_shapes(
        [style.shape[:2] for style in styles], shape, config.style_scale
    )
    if config.strength < 1:
        style_shapes.append(shape)  # The photograph is one of them.
    memory.check(
        shape,
        style_shapes,
        descent.precision(config),
        config.optimizer,
        devices.jit_compile(config.jit_compile),
        config.features,
        1 if regions is None else len(regions.parts),
    )


def _is_finite(state: State) -> bool:
    checked = state.value  # Adam marks it where the gradient was not finite.
    if isinstance(state, lbfgs.State):
        checked += tf.reduce_sum(state.gradient)
    return bool(np.isfinite(checked))


def _grouped(terms: Mapping[str, float]) -> dict[str, float]:
    """Sums such as "style" of the terms "style/block1_conv1" and so on."""
    sums: dict[str, float] = {}
    for name, value in terms.items():
        group = name.split("/")[0]
        sums[group] = sums.get(group, 0.0) + value
    return sums
