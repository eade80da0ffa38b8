"""Style transfer by optimizing the pixels of a picture (Gatys et al. 2016).

The picture is optimized coarse to fine, at each size by the compiled step of
`descent`. Deviations from the paper: several sizes, relative losses
(`objective`), Wasserstein-2 beside the Gram matrix, and Adam beside L-BFGS, all
as in crowsonkb's style-transfer-pytorch and its sources.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls import color, finishing
from tfstyle.controls.regions import Regions
from tfstyle.images.conversion import ImageLike, to_image, to_images
from tfstyle.images.sizes import pyramid
from tfstyle.optimization import strength
from tfstyle.optimization.config import GatysConfig
from tfstyle.optimization.loop import Inputs, Optimization
from tfstyle.optimization.run import Run, identity, on_device, resolve, stages
from tfstyle.optimization.sight import make_plan
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime import checkpoint, checks, devices, memory, scratch
from tfstyle.runtime.checkpoint import Checkpoints
from tfstyle.runtime.progress import OnStep


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
        OSError: No checkpoint can be written, or the disk has no room for
            arrays of a picture that leaves no memory for them.
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
    if checkpoint_dir is not None:
        checkpoint.check_writable(checkpoint_dir)
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
    memory.take(seen.needed)
    final, weights_file = resolve(final, weights_file)
    finish = functools.partial(
        finishing.finish, content=content, config=final, regions=regions
    )
    content, styles = color.prepare(content, styles, final.color)
    if init is None and final.init == "transfer":
        init = strength.in_one_pass(content, styles, final, regions=regions)
    inputs = Inputs(content, styles, init, regions, final, weights_file, finish)
    note = [len(styles), None if regions is None else regions.layout()]
    checkpoints = Checkpoints(
        checkpoint_dir, identity(config, weights_file, note), inputs.images()
    )
    kept = scratch.Folder(checkpoint_dir)
    make = kept.zeros if seen.filed else scratch.zeros
    run = Run(plan, checkpoints, on_step)
    return Optimization(inputs, run, seen, make).optimize()
