"""Memory that pictures, passes and trainings will take, as measured."""

import math
from collections.abc import Sequence

from tfstyle.images.sizes import SMALLEST
from tfstyle.runtime import devices, host_memory
from tfstyle.runtime.memory import available
from tfstyle.runtime.types import Shape

# Most bytes per pixel above the idle process, as measured on a processor with
# VGG19 (VGG16 is within 6 %) and both style losses from 256 to 1280 pixels:
# BUILD_NOTES.md. Of a step, of the feature maps of a style image while they
# are made, and of those that wait for the other style images' maps.
_STEP = {
    ("adam", "float32"): 3650,
    ("adam", "bfloat16"): 2250,
    ("lbfgs", "float32"): 3900,
}
_STYLE = {"float32": 1850, "bfloat16": 1650}
_WAITING = {"float32": 520, "bfloat16": 260}
# What each region after the first adds to a step.
_REGION = {"float32": 1700, "bfloat16": 1000}
_THIN = 0.3  # The most that "vgg_distilled" takes of that.
_WHOLE = 180  # Of a picture that is seen in tiles, beside these.
# Of an image that a model of any style sees at once, by the encoder; and of
# one that it sees in tiles, beside these. Measured as the others.
_PASS = {"vgg_distilled": 320, "vgg16": 1100, "vgg19": 1100}
_PASSED = 60
# Of a batch that a model of any style is trained with, VGG19 the judge; and the
# share of that with a thin judge.
_TRAINING = 11_000
_THIN_JUDGE = 0.55
# Bytes at any size: graphs and threads, and kernels with their transforms, see
# `convolution`, those of networks without any included.
_FIXED = 200_000_000
_KERNELS = {"vgg_distilled": 50_000_000, "vgg16": 420_000_000}
_MOST_KERNELS = 520_000_000
# What a step takes beyond that where XLA compiled it for a processor.
_XLA_STEP = 4300
_XLA = 400_000_000
_MARGIN = 1.15


def check(
    shape: Shape,
    style_shapes: Sequence[Shape],
    precision: str = "float32",
    optimizer: str = "adam",
    jit_compile: bool = False,
    features: str = "vgg16",
    regions: int = 1,
) -> None:
    """Refuses a picture that would not fit in memory.

    What a GPU needs has not been measured; it is taken for what a processor
    needs without XLA.

    Args:
        shape: Height and width at the largest size.
        style_shapes: Those of the style images that go with it.
        precision: `"float32"` or `"bfloat16"`.
        optimizer: `"adam"` or `"lbfgs"`.
        jit_compile: Whether XLA compiles the step.
        features: Name of the network.
        regions: How many statistics of each layer are compared.

    Raises:
        MemoryError: Names the largest size that fits.
    """
    xla = jit_compile and devices.kind() == "CPU"
    settings = (precision, optimizer, xla, features, regions)
    needed = estimate(shape, style_shapes, *settings)
    left = available()
    if needed <= left:
        return
    fixed = estimate((0, 0), [(0, 0)], *settings)
    # All but the fixed part grows with the square of the size.
    share = max(0, left - fixed) / (needed - fixed)
    size = math.floor(max(shape) * math.sqrt(share))
    largest = f"The largest size that fits is {size}"
    if size * min(shape) < SMALLEST * max(shape):
        largest = "No size fits"
    height, width = shape
    raise MemoryError(
        f"A picture of {width}x{height} pixels needs about "
        f"{needed / 1e9:.1f} GB of memory. Available: {left / 1e9:.1f} GB. "
        f"{largest}."
    )


def check_tile(
    tile: Shape,
    shape: Shape,
    precision: str = "float32",
    jit_compile: bool = False,
    features: str = "vgg16",
) -> None:
    """Refuses a picture that is seen in tiles and would not fit in memory.

    Args:
        tile: Height and width of what the network sees at once.
        shape: Of the whole picture.
        precision: As in `check`, and the others.
        jit_compile: Whether XLA compiles the step.
        features: Name of the network.

    Raises:
        MemoryError: Says what is needed, and to take smaller tiles.
    """
    xla = jit_compile and devices.kind() == "CPU"
    needed = estimate(tile, [(0, 0)], precision, "adam", xla, features)
    needed += round(_MARGIN * _WHOLE * math.prod(shape))
    left = available()
    if needed > left:
        (height, width), (rows, columns) = shape, tile
        raise MemoryError(
            f"A dream of {width}x{height} pixels, seen {columns}x{rows} at a "
            f"time, needs about {needed / 1e9:.1f} GB of memory. Available: "
            f"{left / 1e9:.1f} GB. Take a smaller tile, or size."
        )


def check_pass(encoder: str, shape: Shape, tile: int | None = None) -> None:
    """Refuses an image that a model of any style has no memory to see.

    Args:
        encoder: Name of the model's.
        shape: Height and width of the image.
        tile: Longest side that is seen at once; `None` for any.

    Raises:
        MemoryError: Says what is needed.
    """
    height, width = shape
    seen = math.prod(min(side, tile or side) for side in shape)
    needed = _PASS[encoder] * seen + _PASSED * math.prod(shape)
    what = f"A model that sees {width}x{height} pixels"
    host_memory.refuse(what, round(_MARGIN * needed), available())


def check_training(features: str, crop: int, batch_size: int) -> None:
    """Refuses a training whose batches would not fit in memory.

    Args:
        features: Name of the network that judges or teaches.
        crop: Side of the images.
        batch_size: Their number on a device.

    Raises:
        MemoryError: Says what is needed.
    """
    pixels = batch_size * crop**2
    thin = features == "vgg_distilled"
    needed = _TRAINING * pixels * (_THIN_JUDGE if thin else 1)
    what = f"A step with `batch_size`={batch_size} and `crop`={crop}"
    host_memory.refuse(what, round(_FIXED + needed), available())


def estimate(
    shape: Shape,
    style_shapes: Sequence[Shape],
    precision: str = "float32",
    optimizer: str = "adam",
    xla: bool = False,
    features: str = "vgg16",
    regions: int = 1,
) -> int:
    """Bytes that a picture will take, with a margin.

    Arguments as in `check`; `xla` is for a processor.
    """
    areas = sorted(height * width for height, width in style_shapes)
    step = _STEP[optimizer, precision] + xla * _XLA_STEP
    step = math.prod(shape) * (step + _REGION[precision] * (regions - 1))
    # The maps of all style images are at hand while those of the last are
    # made; the step comes after.
    styles = areas[-1] * _STYLE[precision]
    styles += sum(areas[:-1]) * _WAITING[precision]
    maps = max(step, styles) * (_THIN if features == "vgg_distilled" else 1)
    fixed = _FIXED + _KERNELS.get(features, _MOST_KERNELS) + xla * _XLA
    return round(_MARGIN * (fixed + maps))
