"""`stylize_frames`: paints an iterator of frames."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from tfstyle import images
from tfstyle.controls.regions import Regions
from tfstyle.images.conversion import ImageLike, to_image, to_images
from tfstyle.images.sizes import pyramid
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.mixes import Mixes
from tfstyle.motion.painting import ClipPainter
from tfstyle.runtime import checks, devices
from tfstyle.runtime.types import Shape


def stylize_frames(
    frames: Iterable[ImageLike],
    styles: ImageLike | Sequence[ImageLike],
    config: VideoConfig = VideoConfig(),
    *,
    rate: float = 25.0,
    blends: Mixes | None = None,
    regions: Regions | Iterable[Regions] | None = None,
    encoder_weights: str | None = None,
) -> Iterator[np.ndarray]:
    """Paints the frames of a clip, so that each fits those before.

    A frame is read when its picture is asked for; memory does not grow with
    their number.

    Args:
        frames: Frames of one size: arrays or tensors, Pillow images or paths;
            see `tfstyle.images.conversion`.
        styles: Style image of any size, or several, which are blended. They
            are seen at the size of `config.style_size`, or by the engine
            optimize at that of the frames; `config.style_scale` times that.
        config: Settings.
        rate: Frames a second, for `blends`.
        blends: Seconds -> share of each style then; between them the shares
            change evenly. Those of `config` if `None`.
        regions: Regions of the frames for each style, and of the styles; one
            for all frames, or one for each.
        encoder_weights: File of the encoder's weights, for models of published
            encoders.

    Yields:
        A picture for each frame: array of shape `(height, width, 3)`, float32,
        RGB in [0, 1], whose longer side is `config.size` if that is not 0.

    Raises:
        ValueError: Images and settings are invalid or do not fit together, or
            OpenCV is not installed.
        FileNotFoundError: There is no such model, or no weights.
        MemoryError: A frame does not fit in memory.

    Example:
        ```python
        config = tfstyle.VideoConfig(size=512)
        for picture in tfstyle.stylize_frames(frames, wave, config):
            show(picture)
        ```
    """
    checks.kind("config", config, VideoConfig)
    checks.positive("rate", rate)
    painter = None
    for number, (pixels, part) in enumerate(_given(frames, config, regions)):
        if painter is None:
            seen = _seen(to_images(styles), config, part)
            mixes = dict(sorted((blends or {}).items()))
            given = seen, config, mixes, part
            painter = make_painter(*given, encoder_weights)
        yield painter.paint(pixels, number / rate, part)


def _given(
    frames: Iterable[ImageLike],
    config: VideoConfig,
    regions: Regions | Iterable[Regions] | None,
) -> Iterator[tuple[np.ndarray, Regions | None]]:
    """Yields frames, at the size that is painted, and their regions."""
    first: Shape | None = None
    parts = _endless(regions)
    for number, frame in enumerate(frames, 1):
        pixels = to_image(frame)
        height, width = pixels.shape[:2]
        first = first or (height, width)
        if first != (height, width):
            raise ValueError(
                f"Frame {number} has {width}x{height} pixels, but the first "
                f"has {first[1]}x{first[0]}. All must have one size."
            )
        yield images.resize(pixels, *shape_of(first, config.size)), next(parts)


def _seen(
    styles: Sequence[np.ndarray], config: VideoConfig, regions: Regions | None
) -> list[np.ndarray]:
    """Resizes style images to the size at which they are seen."""
    config.check_styles(len(styles), regions is not None and regions.apart)
    if config.engine == "optimize":  # It resizes them for the frames.
        return [*styles]
    seen = []
    for style, scale in zip(styles, config.scales(len(styles)), strict=True):
        shape = style.shape[:2]
        longer = config.style_side(max(shape), scale)
        seen.append(images.resize(style, *shape_of(shape, longer)))
    return seen


def make_painter(
    styles: Sequence[np.ndarray],
    config: VideoConfig,
    blends: Mixes,
    regions: Regions | None,
    encoder_weights: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> ClipPainter:
    """Loads TensorFlow and the model of a painter of clips.

    Args:
        styles: Style images, at the sizes at which they are seen.
        config: Settings.
        blends: Shares of the styles over time; those of `config` if empty.
        regions: Regions of the first frame and of the styles.
        encoder_weights: See `stylize_frames`.
        stop: Function that is true when the run should end, even in the middle
            of a frame.

    Raises:
        ValueError: See `stylize_frames`.
        FileNotFoundError: See `stylize_frames`.
        MemoryError: See `stylize_frames`.
    """
    devices.check_backend()
    if config.engine == "optimize":
        from tfstyle.motion.optimized import Optimized

        return ClipPainter(Optimized(styles, config, blends, stop), config)
    from tfstyle.adain import loading
    from tfstyle.motion.one_pass import OnePass

    precision = devices.precision(config.precision)
    stylizer = loading.load(
        config.model, encoder_weights, precision, config.tile
    )
    painter = OnePass(stylizer, styles, config, blends, regions)
    return ClipPainter(painter, config)


def shape_of(shape: Shape, size: int) -> Shape:
    """Returns the shape at which frames are painted.

    Args:
        shape: Height and width of the frames.
        size: Longer side in pixels; 0 for their own.

    Raises:
        ValueError: They would be too narrow.
    """
    return pyramid(*shape, size or max(shape))[-1]


def _endless(
    regions: Regions | Iterable[Regions] | None,
) -> Iterator[Regions | None]:
    while regions is None or isinstance(regions, Regions):
        yield regions
    count = 0
    for part in regions:
        yield part
        count += 1
    raise ValueError(
        "`regions` must be one for all frames, or one for each. Received: "
        f"{count}, but there are more frames."
    )
