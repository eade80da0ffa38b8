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
loaded, during 3 steps.

tiles: seconds per step where the picture is seen at once, and in tiles.

transfer: like gatys, for one pass of a model of any style with that encoder: a
photograph of that size and a new style of 256 pixels.

quality: the final loss of 500 steps of Adam at one size (float32, from the
photograph), and the time until other settings reach it at that size.

Prints one line of JSON per measurement. Weights are random without
--feature_weights: the operations are the same. Takes about a minute for gatys,
and 25 minutes for all rows of quality.
"""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle import images
from tfstyle.cli import common_flags, program
from tfstyle.optimization.config import STYLE_LOSSES, GatysConfig
from tfstyle.pretrained import weights
from tfstyle.runtime import checks
from tfstyle.training.config import ARCHITECTURES

if TYPE_CHECKING:
    from tfstyle.runtime.progress import Progress

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
    "features", ["vgg16"], f"Networks to measure: {', '.join(weights.FILES)}."
)
_WEIGHTS = flags.DEFINE_string(
    "feature_weights",
    None,
    "File of the network's weights (.h5); random ones if not given.",
)
_PRECISIONS = flags.DEFINE_list(
    "precision", ["float32", "bfloat16"], "Precisions to measure."
)
_STEPS = flags.DEFINE_integer(
    "steps", 10, "Number of steps to time.", lower_bound=1
)
_STYLE_LOSS = flags.DEFINE_enum(
    "style_loss",
    GatysConfig.style_loss,
    STYLE_LOSSES,
    "Style loss of --what=gatys and --what=memory.",
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

_STYLE_SIZE = 256  # Longer side of the style of --what=transfer, in pixels.
_PRODUCT = 2048  # Side of the matrices whose product is timed.

# --what=quality: settings that differ from the defaults.
_SINGLE: dict[str, Any] = {"start_size": 10**6}
_REFERENCE = _SINGLE | {
    "steps": 500,
    "precision": "float32",
    # Adam at a single level, with its former settings.
    "levels": 1,
    "beta_2": 0.99,
    "learning_rate": 0.04,
}
_ROWS: dict[str, dict[str, Any]] = {
    "default": {},
    "adam pyramid float32": {"precision": "float32"},
    "adam single bfloat16": _REFERENCE | {"precision": "bfloat16"},
    "lbfgs pyramid float32": {"optimizer": "lbfgs"},
    "lbfgs single float32": _SINGLE | {"optimizer": "lbfgs", "steps": 500},
}


def main() -> None:
    """Prints one line of JSON per measurement."""
    with program.flag_errors():
        configs = _configs()
    rows = {
        "gatys": _speeds,
        "memory": _peaks,
        "quality": _qualities,
        "tiles": _in_tiles,
        "transfer": _passes,
    }
    for row in rows[_WHAT.value](configs):
        print(json.dumps(row), flush=True)


def _speeds(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    for config in configs:
        network = _network(config, _WEIGHTS.value)
        rate = _product_rate()
        seconds = _step_seconds(network, config, _STEPS.value)
        work = 2 * _operations(network, config.size)
        speed = _speed(config, "seconds_per_step", seconds, work, rate)
        yield {"style_loss": config.style_loss, **speed}


def _speed(
    config: GatysConfig, name: str, seconds: float, work: int, rate: float
) -> dict[str, Any]:
    return {
        "size": config.size,
        "features": config.features,
        "precision": config.precision,
        name: round(seconds, 4),
        "gflops": round(work / seconds / 1e9, 1),
        "float32_product_gflops": round(rate / 1e9, 1),
        "share": round(work / seconds / rate, 3),
    }


def _passes(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle import features
    from tfstyle.adain.model import StyleModel
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    for config in configs:
        rate = _product_rate()
        model = StyleModel(
            config.features,
            **ARCHITECTURES[config.features],
            dtype=devices.precision(config.precision),
        )
        seconds = _pass_seconds(model, config.size, _STEPS.value)
        far = 2 * features.FAR
        work = _operations(model.encoder, config.size + far)
        work += _operations(model.encoder, _STYLE_SIZE + far)
        work += _operations(model.decoder, config.size)
        yield _speed(config, "seconds", seconds, work, rate)


def _pass_seconds(model: Any, size: int, passes: int) -> float:
    from tfstyle.adain.loading import CompiledStylizer

    stylizer = CompiledStylizer(model, size)
    content, style = _noise(size)[0], _noise(_STYLE_SIZE)[1]
    times = []
    for _ in range(passes + 1):  # The first one compiles.
        start = time.perf_counter()
        stylizer.stylize(content, stylizer.embed([style]))
        times.append(time.perf_counter() - start)
    return min(times)


def _configs() -> list[GatysConfig]:
    if _WHAT.value == "transfer":
        for features in _FEATURES.value:
            checks.choice("features", features, [*ARCHITECTURES])
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


def _in_tiles(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle.features import tiles
    from tfstyle.runtime import devices

    devices.start(_DEVICE.value)
    for config in configs:
        network = _network(config, _WEIGHTS.value)
        given = network.name, network.output
        tiles.check_side(*given, _TILE.value)
        whole = _step_seconds(network, config, _STEPS.value)
        tiled = dataclasses.replace(config, tile=_TILE.value)
        seconds = _step_seconds(network, tiled, _STEPS.value)
        shape = config.size, config.size
        tiling = tiles.Tiling(*given, shape, _TILE.value)
        yield {
            "features": config.features,
            "size": config.size,
            "precision": config.precision,
            "tiles": len(tiling.tiles),
            "tile": tiling.window,
            "seconds_at_once": round(whole, 4),
            "seconds_in_tiles": round(seconds, 4),
            "ratio": round(seconds / whole, 3),
        }


def _network(config: GatysConfig, path: str | None) -> Any:
    from tfstyle import features
    from tfstyle.runtime import devices

    return features.extractor(
        config.features,
        [*config.content_layers, *config.style_layers],
        config.pooling,
        path,
        border="mirror",
        dtype=devices.precision(config.precision),
    )


def _step_seconds(network: Any, config: GatysConfig, steps: int) -> float:
    """Seconds of the fastest step, which other processes disturb least."""
    from tfstyle.features import tiles
    from tfstyle.objective.terms import make_terms
    from tfstyle.optimization import descent, run, tiled_loss, tiled_step
    from tfstyle.runtime import scratch

    config = run.on_device(config)
    content, style = _noise(config.size)
    terms = make_terms(network, content, [style], config, side=config.tile)
    optimizer: Any
    step: Any
    if config.tile is None:
        optimizer = descent.make_optimizer(config, config.steps)
        step = descent.compile_step(network, terms, optimizer, config)
    else:
        optimizer = descent.make_in_place(config, config.steps, scratch.zeros)
        shape = config.size, config.size
        seen = network.name, network.output, shape, config.tile
        loss = tiled_loss.Loss(
            network, terms, tiles.Tiling(*seen), lambda part: False
        )
        step = tiled_step.Step(loss, optimizer)
    state = step(optimizer.init(content[None], tuple(terms)))
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        state = step(state)
        float(state.value)  # Waits for a GPU.
        times.append(time.perf_counter() - start)
    return min(times)


def _noise(size: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).random((2, size, size, 3), np.float32)


def _operations(network: Any, size: int) -> int:
    """Number of multiplications and additions of the convolutions, forward."""
    from tfstyle.adain import decoder

    total, side = 0, size + 2 * decoder.MARGIN
    for layer in network.layers:
        found = re.match(r"(?:block|stage)(\d)_", layer.name)
        if found and layer.weights:
            height, width, inputs, outputs = layer.kernel.shape
            area = (side // 2 ** (int(found[1]) - 1)) ** 2
            total += 2 * height * width * inputs * outputs * area
    return total


def _product_rate() -> float:
    """Operations per second of float32 matrix products, best of 20."""
    import tensorflow as tf

    matrix = tf.random.normal((_PRODUCT, _PRODUCT))
    product = tf.function(lambda a: tf.reduce_max(a @ a))
    product(matrix)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        float(product(matrix))
        times.append(time.perf_counter() - start)
    return 2 * _PRODUCT**3 / min(times)


def _peaks(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    """Measures in separate processes: freed memory would be reused."""
    spawn = multiprocessing.get_context("spawn")
    for config in configs:
        with concurrent.futures.ProcessPoolExecutor(1, spawn) as pool:
            try:
                yield pool.submit(_peak, config, _WEIGHTS.value).result()
            except concurrent.futures.BrokenExecutor as error:
                raise MemoryError(f"at {config.size} pixels") from error


def _peak(config: GatysConfig, path: str | None) -> dict[str, Any]:
    from tfstyle.runtime import devices

    devices.start("cpu")
    network = _network(config, path)
    idle = _status("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")  # Resets VmHWM.
    _step_seconds(network, config, steps=3)
    taken = _status("VmHWM") - idle
    return {
        "size": config.size,
        "features": config.features,
        "precision": config.precision,
        "peak_mb": round(taken / 1e6),
        "mb_per_megapixel": round(taken / config.size**2),
    }


def _status(key: str) -> int:
    with open("/proc/self/status", encoding="utf-8") as file:
        found = re.search(rf"{key}:\s*(\d+) kB", file.read())
    return int(found[1]) * 1024 if found else 0


def _qualities(configs: list[GatysConfig]) -> Iterator[dict[str, Any]]:
    from tfstyle.runtime import devices

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
    names = [f"{loss}: {row}" for loss in STYLE_LOSSES for row in _ROWS]
    if unknown := set(_ONLY.value) - set(names):
        raise ValueError(
            f"--only must be of {', '.join(names)}. Received: "
            f"{', '.join(unknown)}"
        )
    devices.start(_DEVICE.value)
    for loss in STYLE_LOSSES:
        rows = {row: f"{loss}: {row}" for row in _ROWS}
        chosen = [r for r, name in rows.items() if _wanted(name)]
        if chosen:
            yield from _compare(configs[0], loss, chosen)


def _wanted(name: str) -> bool:
    return not _ONLY.value or name in _ONLY.value


def _compare(
    config: GatysConfig, loss: str, rows: list[str]
) -> Iterator[dict[str, Any]]:
    default = dataclasses.replace(
        config,
        precision="auto",
        feature_weights=_WEIGHTS.value,
        style_loss=loss,
    )
    goal, limit = _reach(dataclasses.replace(default, **_REFERENCE), 0)
    yield {"run": f"{loss}: reference", "loss": goal, "seconds": limit}
    for row in rows:
        found, seconds = _reach(
            dataclasses.replace(default, **_ROWS[row]), goal
        )
        yield {
            "run": f"{loss}: {row}",
            "loss": found,
            "seconds": seconds,
            "share": round(seconds / limit, 3),
            "reached": found <= goal,
        }


def _reach(config: GatysConfig, goal: float) -> tuple[float, float]:
    """Returns the last loss, and the seconds until it reached `goal`."""
    from tfstyle.optimization import gatys

    last = {"loss": float("inf"), "seconds": 0.0}

    def on_step(progress: "Progress", picture: Callable[[], Any]) -> bool:
        if progress.losses and progress.size == config.size:
            last["loss"] = round(progress.losses["total"], 5)
            last["seconds"] = round(progress.seconds, 1)
        return last["loss"] <= goal

    photo, style = (images.load(flag.value) for flag in (_CONTENT, _STYLE))
    gatys.stylize(photo, style, config, on_step)
    return last["loss"], last["seconds"]


if __name__ == "__main__":
    program.run(main)
