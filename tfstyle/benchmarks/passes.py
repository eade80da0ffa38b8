"""Times passes of models of any style."""

from collections.abc import Iterable, Iterator
from typing import Any

from tfstyle import features
from tfstyle.adain.loading import CompiledStylizer
from tfstyle.adain.model import StyleModel
from tfstyle.benchmarks import rates, steps
from tfstyle.optimization.config import GatysConfig
from tfstyle.runtime import devices
from tfstyle.training.config import ARCHITECTURES

_STYLE_SIZE = 256  # Side of the style, in pixels.


def speeds(
    configs: Iterable[GatysConfig], passes: int
) -> Iterator[dict[str, Any]]:
    """Yields the time of a pass, its operations per second and their share.

    Args:
        configs: Size, encoder and precision of each model.
        passes: Number of passes to time; the fastest counts.
    """
    for config in configs:
        rate = rates.product_rate()
        model = StyleModel(
            config.features,
            **ARCHITECTURES[config.features],
            dtype=devices.precision(config.precision),
        )
        seconds = _pass_seconds(model, config.size, passes)
        far = 2 * features.FAR
        work = rates.operations(model.encoder, config.size + far)
        work += rates.operations(model.encoder, _STYLE_SIZE + far)
        work += rates.operations(model.decoder, config.size)
        yield rates.row(config, "seconds", seconds, work, rate)


def _pass_seconds(model: StyleModel, size: int, passes: int) -> float:
    stylizer = CompiledStylizer(model, size)
    content, style = steps.noise(size)[0], steps.noise(_STYLE_SIZE)[1]

    def paint() -> None:
        stylizer.stylize(content, stylizer.embed([style]))

    paint()  # Compiles.
    return rates.fastest(paint, passes)
