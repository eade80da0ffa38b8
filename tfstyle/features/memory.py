"""Estimates the memory of runs, and refuses those that would not fit."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from tfstyle.images.sizes import SMALLEST
from tfstyle.pretrained import topology
from tfstyle.runtime import devices, host_memory
from tfstyle.runtime.checks import units
from tfstyle.runtime.memory import left, take
from tfstyle.runtime.types import Shape

# Peak bytes per pixel above the idle process, measured on a CPU with VGG19
# (VGG16 is within 6 %) and both style losses from 256 to 1280 pixels
# (docs/measurements/memory.md): of a step, and of a style image while its
# feature maps are computed.
_STEP = {
    ("adam", "float32"): 3650,
    ("adam", "bfloat16"): 2250,
    ("lbfgs", "float32"): 3900,
}
_STYLE = {"float32": 1850, "bfloat16": 1650}
# Bytes per pixel that each region after the first adds to a step.
_REGION = {"float32": 1700, "bfloat16": 1000}
_THIN = 0.3  # Largest fraction of these that "vgg_distilled" takes.
# Bytes per pixel of a whole picture, beside those of its tiles: of a dream. And
# of a step without the maps that are targets: eight arrays that can be in files
# with the coarser images of two of them; what is in memory beside; and both.
_WHOLE = 180
_FILED = 104
_FILED_STEP = 20
_WHOLE_STEP = _FILED_STEP + _FILED
# Layer whose maps are the target in the measurements above, and what each
# further target takes: its maps twice, with their differences.
_USUAL = ("block4_conv2",)
_COPIES = 2
_HISTOGRAM = 65  # Bytes per pixel of a comparison of histograms.
# Bytes per pixel of a mask, with the weights of positions, which are there
# twice at strengths below 1.
_MASK = 15
_STYLES = 24  # Bytes per pixel of style images that are seen in tiles.
# Bytes per pixel that an AdaIN model sees at once, by encoder; and bytes per
# pixel of the whole image. Measured in the same way.
_PASS = {"vgg_distilled": 320, "vgg16": 1100, "vgg19": 1100}
_PASSED = 78
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


class Work(NamedTuple):
    """What is to be done with a picture.

    Attributes:
        precision: `"float32"` or `"bfloat16"`.
        optimizer: `"adam"` or `"lbfgs"`.
        jit_compile: Whether XLA compiles the step.
        features: Name of the network.
        regions: Number of regions that are compared at each layer.
        histogram: Whether histograms are compared.
        masks: Number of regions that have a mask.
        contents: Layers whose maps are targets.
    """

    precision: str = "float32"
    optimizer: str = "adam"
    jit_compile: bool = False
    features: str = "vgg16"
    regions: int = 1
    histogram: bool = False
    masks: int = 0
    contents: tuple[str, ...] = _USUAL


def check(
    shape: Shape,
    style_shapes: Sequence[Shape],
    work: Work,
    free: int | None = None,
) -> None:
    """Refuses to optimize a picture that would not fit in memory as a whole.

    The needs of GPUs were not measured; they are taken to be those of a CPU
    without XLA.

    Args:
        shape: Height and width of the picture at the largest size.
        style_shapes: Height and width of each style image at that size.
        work: What is to be done.
        free: Memory that is left, in bytes; `None` to find out.

    Raises:
        MemoryError: Names the largest size that fits.
    """
    needed = estimate(shape, style_shapes, work)
    free = left() if free is None else free
    if needed <= free:
        take(needed)
        return
    fixed = estimate((0, 0), [(0, 0)], work)
    # All but the fixed part grows with the square of the size.
    fraction = max(0, free - fixed) / (needed - fixed)
    size = math.floor(max(shape) * math.sqrt(fraction))
    largest = f"The largest size that fits is {size}"
    if size * min(shape) < SMALLEST * max(shape):
        largest = "No size fits"
    refuse(shape, needed, free, f"{largest}.")


def refuse(shape: Shape, needed: int, free: int, advice: str) -> NoReturn:
    """Raises the `MemoryError` of a picture that does not fit.

    Args:
        shape: Height and width of the picture.
        needed: Memory that it needs, in bytes.
        free: Memory that is left, in bytes.
        advice: Sentence that says what to do.
    """
    height, width = shape
    raise MemoryError(
        f"A picture of {width}x{height} pixels needs about "
        f"{units(needed)} of memory. Available: {units(free)}. "
        f"{advice}"
    )


def check_tile(tile: Shape, shape: Shape, work: Work) -> None:
    """Refuses a dream, seen in tiles, that would not fit in memory.

    Args:
        tile: Height and width of what the network sees at once.
        shape: Height and width of the whole picture.
        work: What is to be done.

    Raises:
        MemoryError: Names the memory needed; asks for smaller tiles.
    """
    needed = estimate(tile, [(0, 0)], work)
    needed += round(_MARGIN * _WHOLE * math.prod(shape))
    free = left()
    if needed > free:
        (height, width), (rows, columns) = shape, tile
        raise MemoryError(
            f"A dream of {width}x{height} pixels, seen {columns}x{rows} at a "
            f"time, needs about {units(needed)} of memory. Available: "
            f"{units(free)}. Lower `tile` or `size`."
        )
    take(needed)


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
    each = _PASS[encoder] * seen + _PASSED * math.prod(shape)
    needed = round(_MARGIN * each)
    what = f"A model that sees {width}x{height} pixels"
    host_memory.refuse(what, needed, left())
    take(needed)


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
    needed = round(_FIXED + _TRAINING * pixels * (_THIN_JUDGE if thin else 1))
    what = f"A step with `batch_size`={batch_size} and `crop`={crop}"
    host_memory.refuse(what, needed, left())
    take(needed)


def estimate(shape: Shape, style_shapes: Sequence[Shape], work: Work) -> int:
    """Returns the bytes that optimizing a picture will take, with a margin.

    For the arguments see `check`.
    """
    xla = work.jit_compile and devices.kind() == "CPU"
    step = _STEP[work.optimizer, work.precision] + xla * _XLA_STEP
    step += _REGION[work.precision] * (work.regions - 1)
    # Maps of one image at a time are in memory, and the step comes later.
    style = max(map(math.prod, style_shapes)) * _STYLE[work.precision]
    maps: float = max(step * math.prod(shape), style)
    maps *= _THIN if work.features == "vgg_distilled" else 1
    maps += _COPIES * _targets(work) * math.prod(shape)
    fixed = _FIXED + _KERNELS.get(work.features, _MOST_KERNELS)
    return round(_MARGIN * (fixed + xla * _XLA + maps))


def estimate_tiled(
    shape: Shape,
    style_shapes: Sequence[Shape],
    kept: Iterable[str],
    side: int,
    work: Work,
    filed: bool = False,
) -> int:
    """Returns the bytes that optimizing a picture in tiles will take.

    Args:
        shape: Height and width of the picture.
        style_shapes: Height and width of each style image.
        kept: Layers whose whole maps are targets.
        side: Side of the tiles.
        work: What is to be done. XLA does not compile steps over tiles.
        filed: Whether arrays of the picture's size are in files.
    """
    plain = work._replace(jit_compile=False)
    tile = estimate((side, side), [(0, 0)], plain)
    return tile + arrays(shape, style_shapes, kept, work, filed)


def files(shape: Shape, kept: Iterable[str], features: str) -> int:
    """Returns the bytes of the arrays that can be kept in files.

    For the arguments see `estimate_tiled`; `features` names the network.
    """
    return round((_FILED + _maps(kept, features)) * math.prod(shape))


def arrays(
    shape: Shape,
    style_shapes: Sequence[Shape],
    kept: Iterable[str],
    work: Work,
    filed: bool = False,
) -> int:
    """Returns the bytes that a picture seen in tiles takes outside of them.

    For the arguments see `estimate_tiled`.
    """
    each = _FILED_STEP if filed else _WHOLE_STEP + _maps(kept, work.features)
    each += _HISTOGRAM * work.histogram
    each += _MASK * work.masks
    whole = each * math.prod(shape)
    whole += _STYLES * sum(map(math.prod, style_shapes))
    return round(_MARGIN * whole)


def _targets(work: Work) -> float:
    """Returns the bytes per pixel of targets beyond those of usual layers."""
    if work.features not in topology.VGG:
        return 0  # Not measured.
    layers = topology.check(work.features, work.contents)
    more = _maps(layers, work.features) - _maps(_USUAL, work.features)
    return max(0, more) / (2 if work.precision == "bfloat16" else 1)


def _maps(kept: Iterable[str], features: str) -> float:
    """Returns the bytes per pixel of maps that are targets, in float32."""
    widths = topology.shapes(features)
    return sum(
        4
        * widths[f"block{topology.block(layer)}_conv1"][-1]
        / topology.stride(layer) ** 2
        for layer in kept
    )
