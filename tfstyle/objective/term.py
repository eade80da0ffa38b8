"""Terms of the loss: how a picture, or its feature maps, are compared.

A term has a weight, a comparison and a target; `terms` makes them. Style
is compared by statistics, so that pictures in tiles can add these up first.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras import ops

from tfstyle import losses
from tfstyle.objective.statistics import Moments
from tfstyle.runtime.types import Tensor

Maps = Mapping[str, Tensor]
"""Feature maps, `(batch, height, width, channels)`, by layer."""
Compare = Callable[[Tensor, Maps, Any], Tensor]
"""Function from a picture, its feature maps and a target to a loss."""

LEAST = 1e-6
"""Least energy of targets: of flat feature maps."""


class Term(NamedTuple):
    """Term of the loss.

    Two terms with equal `compare` and targets of the same shapes can use the
    same compiled step.

    Attributes:
        weight: Factor of the value.
        compare: Function from the picture `(1, height, width, 3)`, its feature
            maps by layer name, and the target to one value per example;
            hashable.
        target: Tensors, in any structure.
    """

    weight: float
    compare: Compare
    target: Any

    def loss(self, image: Tensor, maps: Maps) -> Tensor:
        """Returns one value per example, not weighted."""
        return self.compare(image, maps, self.target)


@dataclasses.dataclass(frozen=True)
class Content:
    """Compares the maps of a layer with a target."""

    layer: str

    def __call__(self, image: Tensor, maps: Maps, target: Tensor) -> Tensor:
        """Returns the loss."""
        return losses.content_loss(maps[self.layer], target)


class Slopes(NamedTuple):
    """Style loss of statistics, and its derivatives by them.

    Attributes:
        value: Loss, `(1,)`.
        mean: Derivative by the mean, `(1, channels)`.
        covariance: Derivative by the covariance, `(1, channels, channels)`.
    """

    value: Tensor
    mean: Tensor
    covariance: Tensor


@dataclasses.dataclass(frozen=True)
class Style:
    """Compares statistics of a region at a layer with those of the style.

    A target is a pair: that of the statistics, and the weights of the
    positions in the picture or `None`.
    """

    layer: str

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        """Returns the loss."""
        raise NotImplementedError

    def slopes(self, moments: Moments, target: Any) -> Slopes:
        """Returns the loss of statistics, and how it changes with them.

        Args:
            moments: Statistics of the region in the picture.
            target: Statistics of the style.
        """
        raise NotImplementedError


class _Gram(Style):
    """Compares Gram matrices."""

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        gram, weights = target
        return losses.style_loss(maps[self.layer], gram, weights)

    def slopes(self, moments: Moments, target: Tensor) -> Slopes:
        value, slope = losses.style_slope(moments.second(), target)
        by_mean = 2 * ops.matmul(moments.mean[:, None], slope)[:, 0]
        return Slopes(value, by_mean, slope)


class _Wasserstein(Style):
    """Compares means and covariances."""

    def __call__(self, image: Tensor, maps: Maps, target: tuple) -> Tensor:
        gaussian, weights = target
        return losses.wasserstein_loss(
            maps[self.layer], gaussian, weights=weights
        )

    def slopes(self, moments: Moments, target: losses.Gaussian) -> Slopes:
        return Slopes(*losses.wasserstein_slopes(*moments, target))


def energy_of(target: Tensor, least: float = LEAST) -> float:
    """Returns the energy of a target `(1, ...)`, by which terms are divided."""
    return max(float(losses.energy(target)[0]), least)


def _gram(layer: str, style: Moments) -> tuple[Compare, Any]:
    return _Gram(layer), style.second()


def _gram_energy(moments: Moments) -> float:
    return energy_of(moments.second())


def _wasserstein(layer: str, style: Moments) -> tuple[Compare, Any]:
    return _Wasserstein(layer), losses.gaussian(*style)


def _map_energy(moments: Moments) -> float:
    """Returns the mean square of the maps."""
    mean, covariance = moments
    spread = float(ops.trace(covariance, axis1=1, axis2=2)[0])
    return max(energy_of(mean, 0.0) + spread / mean.shape[-1], LEAST)


STATISTICS = {
    "gram": (_gram_energy, _gram),
    "wasserstein": (_map_energy, _wasserstein),
}
"""Style loss -> energy of moments, and function that makes the comparison and
the target of a layer."""
