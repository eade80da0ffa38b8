"""Style transfer by optimizing the pixels of a picture (Gatys et al. 2016).

The picture is optimized coarse to fine, at each size by the compiled step of
`descent`. Deviations from the paper: several sizes, relative losses
(`objective`), Wasserstein-2 beside the Gram matrix, and Adam beside L-BFGS, all
as in crowsonkb's style-transfer-pytorch and its sources.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf

from tfstyle import images
from tfstyle.controls import color, finishing
from tfstyle.controls.regions import Regions
from tfstyle.features import memory, planning, tiles
from tfstyle.images.conversion import ImageLike, to_image, to_images
from tfstyle.images.sizes import pyramid
from tfstyle.optimization import adam, descent, objective, strength, tiled
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.descent import State
from tfstyle.optimization.run import Run, identity, on_device, resolve, stages
from tfstyle.pretrained import weights
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime import checkpoint, checks, devices, scratch
from tfstyle.runtime.checkpoint import Checkpoints
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Shape

_FETCH = 10  # Losses are fetched every 10 steps: that waits for the device.
_WINDOW = 2  # Number of fetches over which `tolerance` compares losses.


def stylize(
    content: ImageLike,
    styles: ImageLike | Sequence[ImageLike],
    config: GatysConfig = GatysConfig(),
    on_step: OnStep | None = None,
    *,
    init: ImageLike | None = None,
    regions: Regions | None = None,
    checkpoint_dir: str | None = None,
    weights_file: Resolved | None = None,
) -> np.ndarray:
    """Paints a photograph in the style of one or more pictures.

    Args:
        content: Photograph: an array or tensor, a Pillow image or a path, see
            `tfstyle.images.conversion`.
        styles: Style image of any size, or several, which are blended.
        config: Settings: sizes, losses, optimizer and start.
        on_step: Function called after each step, in tiles also after each
            tile, and once more before the step of a further size is compiled;
            a true result ends the run. See `Progress`.
        init: Image to start from, of any size; `config.init` if `None`.
        regions: Regions of the photograph for each style, and of the styles;
            outside of them the photograph stays as it is.
        checkpoint_dir: Folder in which the state is saved every minute and at
            the end. A run with the same images and settings continues from it,
            with the same result as if it had not been interrupted.
        weights_file: File of the network's weights from `weights.resolve`;
            found by `config` if `None`.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1], whose
        longer side is `config.size`, or that of the size at which `on_step`
        ended the run. It is the running average or the best step of that size,
        whichever has the lower loss; the best step if `on_step` ended the run.

    Raises:
        ValueError: Images, settings and number of styles are invalid or do not
            fit together.
        FileNotFoundError: The weights of the network are not at hand.
        MemoryError: The picture would not fit in memory.
        OSError: The disk has no room for arrays of a picture that leaves no
            memory for them.
        UnsavedError: The last checkpoint could not be written; holds the
            complete picture.
        DivergedError: A loss was not finite; holds the last good picture.

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
        return images.resize(content, *shapes[-1]).copy()
    # With a strength below 1, the style's share is adapted between the parts.
    parts = strength.PARTS if config.strength < 1 else 1
    plan = stages(
        shapes, config.steps, config.coarse_share, parts, config.print_size
    )
    final = on_device(config)
    if final.features == "auto":  # What it needs depends on what is found.
        final, weights_file = resolve(final, weights_file)
    seen = make_plan(content, styles, final, regions, checkpoint_dir)
    final, weights_file = resolve(final, weights_file)
    finish = functools.partial(
        finishing.finish, content=content, config=final, regions=regions
    )
    content, styles = color.prepare(content, styles, final.color)
    if init is None and final.init == "transfer":
        init = strength.in_one_pass(content, styles, final, regions=regions)
    inputs = _Inputs(
        content, styles, init, regions, final, weights_file, finish
    )
    note = [len(styles), None if regions is None else regions.layout()]
    checkpoints = Checkpoints(
        checkpoint_dir, identity(config, weights_file, note), inputs.images()
    )
    kept = scratch.Folder(checkpoint_dir)
    own = kept.own if seen.filed else scratch.in_memory
    run = Run(plan, checkpoints, on_step)
    return _Optimization(inputs, run, seen, own).optimize()


@dataclasses.dataclass(frozen=True, eq=False)
class _Inputs:
    """Checked arguments of a call of `stylize`.

    Attributes:
        content: Photograph, `(height, width, 3)`.
        styles: Style images, of any size.
        init: Image to start from, of any size; `config.init` if `None`.
        regions: Regions of the photograph for each style.
        config: Settings, without "auto".
        weights_file: File of the network's weights.
        finish: Function applied to each picture before it is shown.
    """

    content: np.ndarray
    styles: list[np.ndarray]
    init: np.ndarray | None
    regions: Regions | None
    config: GatysConfig
    weights_file: Resolved
    finish: Callable[[np.ndarray], np.ndarray]

    def images(self) -> list[np.ndarray]:
        """Returns all images, by which checkpoints tell runs apart."""
        init = [] if self.init is None else [self.init]
        masks = [] if self.regions is None else self.regions.masks()
        return [self.content, *self.styles, *init, *masks]


class _Optimization:
    """Loop of `stylize` over the sizes and the steps at each size."""

    network: keras.Model
    terms: Mapping[str, objective.Term]
    optimizer: Any  # A `descent.Optimizer`.
    step: Callable[[Any], Any]
    evaluated: Callable[[Any], Any]
    gradients: Callable[[tf.Tensor], dict[str, float]]
    state: State
    side: int | None  # Longest side that the network sees at once,
    seen: int | None  # and that of the compiled step.

    def __init__(
        self, inputs: _Inputs, run: Run, plan: planning.Plan, own: adam.Own
    ) -> None:
        self.inputs, self.run, self.config = inputs, run, inputs.config
        self.plan, self.own = plan, own
        self.share = strength.Share(
            inputs.content, inputs.styles, inputs.config, inputs.regions
        )
        # Whether the state is of this stage; a step in tiles may be cut off.
        self.begun = False
        # Whether the run was ended while a picture was evaluated.
        self.cut_off = False
        self.looks: list[float] = []

    def optimize(self) -> np.ndarray:
        """Returns the picture of the size at which the run ends."""
        state = self._resume()
        networks = functools.cache(self._network)
        while True:
            shape = self.run.stage.shape
            coarse = shape != self.run.plan[-1].shape
            network = networks(self.config.draft and coarse)
            photo = images.resize(self.inputs.content, *shape)
            self.side = self._side(network)
            terms = self._terms(network, photo)
            if state is not None and self.run.ask_again():
                return self._deliver(state, self.optimizer.best(state))
            self._compile(network, terms)
            state = self._begin(state, photo, terms)
            self.begun = True
            state, ended = self._descend(state)
            if ended:
                return self._deliver(state, self.optimizer.best(state))
            if self.run.is_last:
                return self._deliver(state, self._result(state))
            if self.share.adaptive:
                picture = _array(self._result(state))
                if self.cut_off:
                    return self._deliver(state, self.optimizer.best(state))
                self.share.adapt(network, photo, picture, self.side)
            self.run.advance()
            self.begun, self.looks = False, []

    def _network(self, draft: bool) -> keras.Model:
        thin = weights.resolve("vgg_distilled") if draft else None
        return descent.make_network(
            self.config, thin or self.inputs.weights_file
        )

    def _side(self, network: keras.Model) -> int | None:
        """Returns the longest side that the network sees at once."""
        plan, shape = self.plan, self.run.stage.shape
        if plan.side is None or not plan.room:
            return plan.side
        work = _work(self.config, network.name, self.inputs.regions)
        given = self.inputs.styles, self.config, shape
        needed = memory.estimate(shape, _style_shapes(*given), work)
        return None if needed <= plan.room else plan.side

    def _terms(
        self, network: keras.Model, photo: np.ndarray
    ) -> dict[str, objective.Term]:
        regions = self.inputs.regions
        parts = None if regions is None else regions.parts
        given = self.inputs.styles, self.config, parts, self.share.value
        return self._tried(
            lambda: objective.terms(network, photo, *given, self.side)
        )

    def _compile(
        self, network: keras.Model, terms: Mapping[str, objective.Term]
    ) -> None:
        """Makes the optimizer and compiles the step for this size."""
        self.network, self.terms, self.seen = network, terms, self.side
        steps, shape = self.run.stage.steps, self.run.stage.shape
        self.optimizer = descent.make_optimizer(self.config, steps)
        if self.side is not None:
            tiling = tiles.Tiling(
                network.name, network.output, shape, self.side
            )
            if len(tiling.tiles) > 1:
                loss = tiled.Loss(network, terms, tiling, self._pause)
                step = tiled.Step(loss, self.optimizer, self.own)
                self.step, self.evaluated = step, step.evaluated
                self.gradients = tiled.gradient_norms(network, terms, tiling)
                return
        config = self.config
        if self.side is not None:  # As it was planned.
            config = dataclasses.replace(config, jit_compile="off")
        self.step = self.evaluated = descent.compile_step(
            network, terms, self.optimizer, config
        )
        self.gradients = descent.compile_gradients(network, terms)

    def _update(self, state: State) -> State | None:
        """Takes a step; returns `None` if the run ends within it."""
        self.state = state
        return self._tried(lambda: self._compiled().step(state))

    def _evaluated(self, state: State) -> State | None:
        """Evaluates the picture; returns `None` if the run ends meanwhile."""
        self.state = state
        found = self._tried(lambda: self._compiled().evaluated(state))
        self.cut_off = found is None
        return found

    def _compiled(self) -> Self:
        """Compiles the step again if the tiles have changed."""
        if self.seen != self.side:
            self._compile(self.network, self.terms)
        return self

    def _tried(self, function: Callable[[], Any]) -> Any:
        """Calls a function until memory suffices for it."""
        while True:
            try:
                return function()
            except tf.errors.ResourceExhaustedError as error:
                self._see_less(error)

    def _see_less(self, error: Exception) -> None:
        """Halves the tiles after memory ran out, as it may on a GPU."""
        name = self.inputs.weights_file.name
        work = _work(self.config, name, self.inputs.regions)
        shape = self.run.stage.shape
        self.side = planning.halved(
            _layers(self.config), work, shape, self.side
        )
        self.plan = self.plan._replace(side=self.side, room=0)
        if self.side is None:
            raise MemoryError(
                f"Memory ran out at {shape[1]}x{shape[0]} pixels, and no "
                "smaller tiles are possible. Lower `size`."
            ) from error

    def _pause(self, part: float) -> bool:
        """Reports a part of a step; returns whether the run ends."""
        if self.run.step == self.run.stage.steps:
            part = 0.0  # The result is evaluated once more.
        return self.run.report({}, lambda: self._picture(self.state), part)

    def _begin(
        self,
        state: State | None,
        photo: np.ndarray,
        terms: Mapping[str, objective.Term],
    ) -> State:
        """Returns the first state at this size: new, resized or resumed."""
        if state is None:
            start = descent.initial_picture(
                photo, self.inputs.styles, self.config, self.inputs.init
            )
            return self.optimizer.init(start[None], tuple(terms))
        if self.begun:
            return state
        height, width = self.run.stage.shape
        shape_before = self.run.plan[self.run.index - 1].shape
        before = images.resize(self.inputs.content, *shape_before)
        detail = self.share.lost_detail(photo, before)
        if isinstance(self.step, tiled.Step):
            return self.optimizer.resize(
                state, height, width, detail, self.step.own
            )
        return self.optimizer.resize(state, height, width, detail)

    def _descend(self, state: State) -> tuple[State, bool]:
        """Takes the steps of one stage; returns whether the run ends, too."""
        run, steps = self.run, self.run.stage.steps
        while run.step < steps:
            following = self._update(state)
            if following is None:
                return state, True
            state = following
            run.step += 1
            fetch = run.step % _FETCH == 0 or run.step == steps
            losses = self._fetch(state) if fetch or run.step == 1 else {}
            # Decided before the report: if that ends the run, the checkpoint
            # must know of this loss.
            reached = bool(losses) and self._reached(losses["total"], state)
            ended = self._report(state, losses)
            if reached:
                run.step = steps
            if ended or reached:
                return state, ended
            if run.save_is_due:
                self._save(state)
        return state, False

    def _result(self, state: State) -> tf.Tensor:
        return self.optimizer.result(self._evaluated, state)

    def _deliver(self, state: State, picture: tf.Tensor) -> np.ndarray:
        self._save(state)
        return self.run.deliver(self.inputs.finish(_array(picture)))

    def _picture(self, state: State) -> np.ndarray:
        return self.inputs.finish(_array(self.optimizer.picture(state)))

    def _fetch(self, state: State) -> dict[str, float]:
        terms = {name: float(value) for name, value in state.aux.items()}
        if not self.optimizer.finite(state):
            raise self.run.diverged(
                "loss",
                # Losses are fetched at some steps: it may lie some back.
                self.optimizer.age(state) + 1,
                terms,
                "the learning rate or that weight",
                self._picture(state),
            )
        return {"total": float(state.value)} | _grouped(terms) | terms

    def _report(self, state: State, losses: Mapping[str, float]) -> bool:
        gradients = self.gradients  # Of this size, even if called later.
        return self.run.report(
            losses,
            lambda: self._picture(state),
            gradients=lambda: gradients(state.x),
        )

    def _reached(self, loss: float, state: State) -> bool:
        """Whether this size ends before its last step."""
        self.looks.append(loss)
        # A `tolerance` or `loss_threshold` of 0 means never: losses may rise,
        # and may round to less than 0.
        tolerance = self.config.tolerance
        if 0 < self.config.loss_threshold >= loss:
            return True
        if self.optimizer.converged(state):
            return True
        if not tolerance or len(self.looks) <= _WINDOW:
            return False
        before = self.looks[-1 - _WINDOW]
        return before - loss < tolerance * before

    def _save(self, state: State) -> None:
        meta = {
            "looks": self.looks,
            "share": self.share.value,
            "found": self.share.found,
            "begun": self.begun,
            "side": self.plan.side,
            "room": self.plan.room,
        }
        self.run.save(state.to_numpy(), meta)

    def _take_plan(self, side: int | None, room: int) -> None:
        """Sees the picture as before, if memory still suffices for that."""
        if self.config.tile is not None or side is None:
            return
        if self.plan.side is None or side <= self.plan.side:
            self.plan = self.plan._replace(
                side=side, room=min(room, self.plan.room)
            )

    def _resume(self) -> State | None:
        found = self.run.resume()
        if found is None:
            return None
        arrays, meta = found
        self.looks = meta["looks"]
        self.share.value, self.share.found = meta["share"], meta["found"]
        self.begun = meta.get("begun", self.run.step > 0)
        self._take_plan(meta.get("side"), meta.get("room", 0))
        if self.plan.filed:
            for name in adam.FILED:  # One by one: each leaves memory.
                arrays[name] = self.own(arrays[name])
        steps = self.run.stage.steps
        return descent.make_optimizer(self.config, steps).restore(arrays)


def _array(picture: tf.Tensor) -> np.ndarray:
    return np.array(picture)[0]  # A copy, not the tensor's memory.


def make_plan(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    config: GatysConfig,
    regions: Regions | None = None,
    checkpoint_dir: str | None = None,
) -> planning.Plan:
    """Plans whether `stylize` sees a picture at once or in tiles.

    Args:
        content: Photograph, `(height, width, 3)`.
        styles: Style images, of any size.
        config: Settings, without "auto".
        regions: Regions of the photograph for each style.
        checkpoint_dir: Folder for checkpoints, and for arrays that memory has
            no room for; these are in that for temporary files if `None`.

    Raises:
        ValueError: `tile` does not suit the network's layers.
        MemoryError: The picture does not fit, in tiles neither.
        OSError: The disk has no room for these arrays and the checkpoints.
    """
    height, width = content.shape[:2]
    shape = pyramid(height, width, config.size, config.start_size)[-1]
    plan = planning.plan(
        shape,
        _style_shapes(styles, config, shape),
        config.content_layers,
        config.style_layers,
        _work(config, config.features, regions),
        config.tile,
        None if config.memory is None else checks.amount(config.memory),
    )
    if plan.filed:
        # Those of the size before are still there when a size begins.
        needed = 1.5 * plan.filed + _checkpoints(plan.shape, checkpoint_dir)
        scratch.Folder(checkpoint_dir).check_space(needed)
    return plan


def _checkpoints(shape: Shape, folder: str | None) -> int:
    """Returns the bytes that checkpoints will add to a folder.

    The next one is written beside the last.
    """
    if folder is None:
        return 0
    more = 1 if checkpoint.file_of(folder).exists() else 2
    return more * memory.checkpoint(shape)


def _layers(config: GatysConfig) -> list[str]:
    return [*config.content_layers, *config.style_layers]


def _style_shapes(
    styles: Sequence[np.ndarray], config: GatysConfig, shape: Shape
) -> list[Shape]:
    """Returns the shapes of what is compared with a picture of this shape."""
    found = objective.style_shapes(
        [style.shape[:2] for style in styles], shape, config.style_scale
    )
    if config.strength < 1:
        found.append(shape)  # The photograph is one more style.
    return found


def _work(
    config: GatysConfig, features: str, regions: Regions | None
) -> memory.Work:
    return memory.Work(
        config.precision,
        config.optimizer,
        config.jit_compile == "on",
        features,
        1 if regions is None else len(regions.parts),
    )


def _grouped(terms: Mapping[str, float]) -> dict[str, float]:
    """Sums terms by group, such as "style" for "style/block1_conv1"."""
    sums: dict[str, float] = {}
    for name, value in terms.items():
        group = name.split("/")[0]
        sums[group] = sums.get(group, 0.0) + value
    return sums
