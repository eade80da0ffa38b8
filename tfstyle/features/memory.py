"""Estimates the memory of runs, and refuses those that would not fit."""

import math
from collections.abc import Sequence

from tfstyle.images.sizes import SMALLEST
from tfstyle.runtime import devices, host_memory
from tfstyle.runtime.memory import available
from tfstyle.runtime.types import Shape

# Peak bytes per pixel above the idle process, measured on a CPU with VGG19
# (VGG16 is within 6 %) and both style losses from 256 to 1280 pixels
# (docs/measurements/memory.md): of a step, of a style image while its feature
# maps are computed, and of its maps while those of other style images are.
_STEP = {
    ("adam", "float32"): 3650,
    ("adam", "bfloat16"): 2250,
    ("lbfgs", "float32"): 3900,
}
_STYLE = {"float32": 1850, "bfloat16": 1650}
_WAITING = {"float32": 520, "bfloat16": 260}
# Bytes per pixel that each region after the first adds to a step.
_REGION = {"float32": 1700, "bfloat16": 1000}
_THIN = 0.3  # Largest fraction of these that "vgg_distilled" takes.
_WHOLE = 180  # Bytes per pixel of a whole dream, beside those of its tiles.
# Bytes per pixel that an AdaIN model sees at once, by encoder; and bytes per
# pixel of the whole image. Measured in the same way.
_PASS = {"vgg_distilled": 320, "vgg16": 1100, "vgg19": 1100}
_PASSED = 60
# Bytes per pixel of a batch when an AdaIN model is trained with VGG19's losses;
# and the fraction of that with losses of the thin network.
_TRAINING = 11_000
_THIN_JUDGE = 0.55
# Bytes at any size: graphs and threads; and kernels with their transforms, see
# `convolution`, also of networks that have none.
_FIXED = 200_000_000
_KERNELS = {"vgg_distilled": 50_000_000, "vgg16": 420_000_000}
_MOST_KERNELS = 520_000_000
# Additional bytes of a step that XLA compiled for a CPU, per pixel and fixed.
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
    """Refuses to optimize a picture that would not fit in memory.

    The needs of GPUs were not measured; they are taken to be those of a CPU
    without XLA.

    Args:
        shape: Height and width of the picture at the largest size.
        style_shapes: Height and width of each style image at that size.
        precision: `"float32"` or `"bfloat16"`.
        optimizer: `"adam"` or `"lbfgs"`.
        jit_compile: Whether XLA compiles the step.
        features: Name of the network.
        regions: Number of regions that are compared at each layer.

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
    fraction = max(0, left - fixed) / (needed - fixed)
    size = math.floor(max(shape) * math.sqrt(fraction))
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
    """Refuses a dream, seen in tiles, that would not fit in memory.

    Args:
        tile: Height and width of what the network sees at once.
        shape: Height and width of the whole picture.
        precision: `"float32"` or `"bfloat16"`.
        jit_compile: Whether XLA compiles the step.
        features: Name of the network.

    Raises:
        MemoryError: Names the memory needed; asks for smaller tiles.
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
            f"{left / 1e9:.1f} GB. Lower `tile` or `size`."
        )


def check_pass(encoder: str, shape: Shape, tile: int | None = None) -> None:
    """Refuses an image that would not fit in memory in an AdaIN model.

    Args:
        encoder: Name of the model's encoder.
        shape: Height and width of the image.
        tile: Longest side that is seen at once; `None` for no limit.

    Raises:
        MemoryError: Names the memory needed.
    """
    height, width = shape
    seen = math.prod(min(side, tile or side) for side in shape)
    needed = _PASS[encoder] * seen + _PASSED * math.prod(shape)
    what = f"A model that sees {width}x{height} pixels"
    host_memory.refuse(what, round(_MARGIN * needed), available())


def check_training(features: str, crop: int, batch_size: int) -> None:
    """Refuses a training whose batches would not fit in memory.

    Args:
        features: Name of the network of the losses, or of the teacher.
        crop: Side of the images, in pixels.
        batch_size: Number of images on a device.

    Raises:
        MemoryError: Names the memory needed.
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
    """Returns the bytes that optimizing a picture will take, with a margin.

    For the arguments see `check`; `xla` says whether XLA compiles for a CPU.
    """
    areas = sorted(height * width for height, width in style_shapes)
    step = _STEP[optimizer, precision] + xla * _XLA_STEP
    step = math.prod(shape) * (step + _REGION[precision] * (regions - 1))
    # While the maps of the last style image are computed, those of the others
    # are in memory; the step comes later.
    styles = areas[-1] * _STYLE[precision]
    styles += sum(areas[:-1]) * _WAITING[precision]
    maps = max(step, styles) * (_THIN if features == "vgg_distilled" else 1)
    fixed = _FIXED + _KERNELS.get(features, _MOST_KERNELS) + xla * _XLA
    return round(_MARGIN * (fixed + maps))
