r"""Measures speed, memory and time to quality of `tfstyle.optimize`.

  python -m tfstyle.bench --what=gatys --sizes=256,512
  python -m tfstyle.bench --what=gatys --features=vgg16,vgg_distilled
  python -m tfstyle.bench --what=memory --sizes=256,512,768
  python -m tfstyle.bench --what=tiles --sizes=1536 --tile=1024
  python -m tfstyle.bench --what=transfer --features=vgg_distilled,vgg19
  python -m tfstyle.bench --what=quality --content=dog.jpg --style=wave.jpg \
      --features=vgg19 --feature_weights=vgg19.h5 --sizes=384

gatys: seconds per step, floating-point operations per second, and their
fraction of the rate of float32 matrix products measured in the same run. The
operations are the multiplications and additions of the convolutions, forward
and for the gradient with respect to the picture; losses and optimizer only
cost time.

memory: peak memory above the idle process, with TensorFlow and the network
loaded, during 3 steps on the processor.

tiles: seconds per step where the picture is seen at once, and in tiles.

transfer: like gatys, for one pass of a model of any style with that encoder: a
photograph of that size and a new style of 256 pixels.

quality: the final loss of 500 steps of Adam at one size (float32, from the
photograph), and the time until other settings reach it at that size.

Prints one line of JSON per measurement. Weights are random without
--feature_weights: the operations are the same. Takes about a minute for gatys,
and 25 minutes for all rows of quality.
"""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from absl import flags

from tfstyle import images
from tfstyle.cli import common_flags, program, settings_flags
from tfstyle.optimization.config import STYLE_LOSSES, GatysConfig
from tfstyle.pretrained import topology
from tfstyle.runtime import checks

_PAIR = ("content", "style", "only")
# What is measured -> flags that would have no effect.
_OTHERS = {
    "gatys": ("tile", *_PAIR),
    "memory": ("steps", "tile", *_PAIR),
    "quality": ("precision", "steps", "style_loss", "tile"),
    "tiles": _PAIR,
    "transfer": ("feature_weights", "style_loss", "tile", *_PAIR),
}

_WHAT = flags.DEFINE_enum(
    "what",
    "gatys",
    ["gatys", "memory", "quality", "tiles", "transfer"],
    "What to measure: gatys for the time of a step of tfstyle.optimize, memory "
    "for its memory, quality for the time to a loss, tiles for a step in tiles "
    "beside one at once, transfer for the models of any style.",
)
_SIZES = flags.DEFINE_list(
    "sizes", ["512"], "Longer sides of the pictures, in pixels."
)
flags.register_validator(
    "sizes",
    lambda sizes: sizes and all(s.isdecimal() and int(s) > 15 for s in sizes),
    "expected whole numbers from 16 up, separated by commas",
)
_FEATURES = flags.DEFINE_list(
    "features", ["vgg16"], f"Networks to measure: {', '.join(topology.VGG)}."
)
_WEIGHTS = flags.DEFINE_string(
    "feature_weights",
    None,
    "File of the network's weights (.h5); random ones if not given.",
)
_PRECISIONS = flags.DEFINE_list(
    "precision", ["float32", "bfloat16"], "Precisions to measure."
)
for _name in ("features", "precision"):
    flags.register_validator(
        _name, bool, "expected one or more, separated by commas"
    )
_STEPS = flags.DEFINE_integer(
    "steps", 10, "Number of steps to time.", lower_bound=1
)
_STYLE_LOSS = flags.DEFINE_enum(
    "style_loss",
    GatysConfig.style_loss,
    STYLE_LOSSES,
    "Style loss of --what=gatys, memory and tiles.",
)
_CONTENT = flags.DEFINE_string(
    "content", "", "Photograph to paint, for --what=quality."
)
_STYLE = flags.DEFINE_string(
    "style", "", "Picture to take the style of, for --what=quality."
)
_ONLY = flags.DEFINE_list(
    "only", [], "Rows of --what=quality to measure; all of them if empty."
)
_TILE = flags.DEFINE_integer(
    "tile", 1024, "Side of the tiles of --what=tiles, in pixels.", lower_bound=1
)
_DEVICE = common_flags.define_device("auto, cpu, gpu or gpu:N")


def main() -> None:
    """Prints one line of JSON per measurement."""
    with program.flag_errors():
        configs = _configs()
    measure = {
        "gatys": _speeds,
        "memory": _peaks,
        "quality": _qualities,
        "tiles": _in_tiles,
        "transfer": _passes,
    }[_WHAT.value]
    for row in measure(configs):
        print(json.dumps(row), flush=True)


def _configs() -> list[GatysConfig]:
    for features in _FEATURES.value:
        checks.choice("features", features, topology.VGG)
    if _WHAT.value == "memory" and _DEVICE.value not in ("auto", "cpu"):
        raise ValueError(
            "--what=memory measures the processor: leave out "
            f"--device={_DEVICE.value}"
        )
    what = _WHAT.value
    settings_flags.refuse(_OTHERS[what], f"--what={what}")
    return [
        GatysConfig(
            size=int(size),
            features=features,
            precision=precision,
            style_loss=_STYLE_LOSS.value,
        )
        for size in _SIZES.value
        for precision in _PRECISIONS.value
        for features in _FEATURES.value
    ]


def _speeds(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    _start()
    from tfstyle.benchmarks import steps

    return steps.speeds(configs, _WEIGHTS.value, _STEPS.value)


def _in_tiles(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    _start()
    from tfstyle.benchmarks import steps

    given = _WEIGHTS.value, _STEPS.value, _TILE.value
    return steps.in_tiles(configs, *given)


def _passes(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    _start()
    from tfstyle.benchmarks import passes

    return passes.speeds(configs, _STEPS.value)


def _peaks(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle.benchmarks import peaks

    return peaks.peaks(configs, _WEIGHTS.value)


def _qualities(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle.benchmarks import quality

    _check_quality()
    if unknown := set(_ONLY.value) - set(quality.NAMES):
        raise ValueError(
            f"--only must be of {', '.join(quality.NAMES)}. Received: "
            f"{', '.join(unknown)}"
        )
    _start()
    pair = quality.Pair(images.load(_CONTENT.value), images.load(_STYLE.value))
    config = dataclasses.replace(configs[0], feature_weights=_WEIGHTS.value)
    return quality.rows(config, pair, _ONLY.value or quality.NAMES)


def _check_quality() -> None:
    """Raises `ValueError` unless the flags fit --what=quality."""
    if not (_CONTENT.value and _STYLE.value and _WEIGHTS.value):
        raise ValueError(
            "--what=quality needs --content, --style and --feature_weights."
        )
    if len(_SIZES.value) > 1 or len(_FEATURES.value) > 1:
        raise ValueError(
            "--what=quality takes one size and one network. Received: "
            f"--sizes={','.join(_SIZES.value)}, "
            f"--features={','.join(_FEATURES.value)}"
        )


def _start() -> None:
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)


if __name__ == "__main__":
    program.run(main)
