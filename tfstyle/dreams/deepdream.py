"""DeepDream: strengthens what a network sees in a picture.

Gradient ascent on feature maps, from small to large sizes (octaves), each step
with the picture shifted a little; `ascent` has the step. Deviations from the
original notebook (Mordvintsev, Olah and Tyka, "Inceptionism", 2015): bands of
the gradient are normalized separately, the picture is padded by mirroring
instead of its opposite edge, and tiles overlap, so that there are neither
frames nor seams.
"""

from collections.abc import Callable

import numpy as np

from tfstyle.controls.regions import Regions
from tfstyle.dreams.config import DreamConfig
from tfstyle.dreams.loop import Dream, Inputs, OnFrame
from tfstyle.images.conversion import ImageLike, to_image
from tfstyle.optimization.run import Run, identity, resolve
from tfstyle.pretrained.weights import Resolved
from tfstyle.runtime import checkpoint, checks, devices
from tfstyle.runtime.checkpoint import Checkpoints
from tfstyle.runtime.progress import OnStep


def deep_dream(
    image: ImageLike,
    config: DreamConfig = DreamConfig(),
    on_step: OnStep | None = None,
    *,
    guide: ImageLike | None = None,
    regions: Regions | None = None,
    on_frame: OnFrame | None = None,
    checkpoint_dir: str | None = None,
    weights_file: Resolved | None = None,
) -> np.ndarray:
    """Strengthens what a network sees in a picture (DeepDream).

    Args:
        image: Photograph: an array or tensor, a Pillow image or a path, see
            `tfstyle.images.conversion`.
        config: Settings: layers to excite, sizes and steps.
        on_step: Function called after each step and each tile; a true result
            ends the run. See `Progress`. Unlike other losses, `"total"` rises.
        guide: Image of any size whose contents the dream shows; `None` for
            what the network sees in the photograph itself.
        regions: Regions of the photograph that are changed; the rest stays as
            it is. See `regions.from_masks`, whose `keep_mask` is this rest.
            Not for a zoom.
        on_frame: Function called with the number of each frame of a zoom, from
            1, and the frame, an array like the result.
        checkpoint_dir: Folder in which the state is saved every minute, and
            when `on_step` ends the run. A run with the same images and
            settings continues from it, with the same result as if it had not
            been interrupted.
        weights_file: File of the network's weights from `weights.resolve`;
            found by `config` if `None`.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1], whose
        longer side is `config.size`, or that of the size at which `on_step`
        ended the run; for a zoom, the last frame.

    Raises:
        ValueError: Images and settings are invalid or do not fit together.
        FileNotFoundError: The weights of the network are not at hand.
        MemoryError: The picture would not fit in memory.
        OSError: No checkpoint can be written.
        DivergedError: A value was not finite; holds the last good picture.
        UnsavedError: The last checkpoint could not be written; holds the
            complete picture.

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
    if checkpoint_dir is not None:
        checkpoint.check_writable(checkpoint_dir)
    image = to_image(image)
    guide = None if guide is None else to_image(guide)
    if regions is not None:
        regions.check(image, 0)
        if config.zoom_frames:
            raise ValueError(
                "Regions are for one picture, not for a zoom: `zoom_frames` "
                f"must be 0. Received: zoom_frames={config.zoom_frames}"
            )
    final, weights_file = resolve(config, weights_file)
    inputs = Inputs(image, guide, regions, final, weights_file)
    identified = identity(config, weights_file)
    checkpoints = Checkpoints(checkpoint_dir, identified, inputs.images())
    run = Run(inputs.plan(), checkpoints, on_step)
    return Dream(inputs, run).dream(on_frame)
