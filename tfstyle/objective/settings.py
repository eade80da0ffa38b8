"""Settings that say what is minimized."""

from collections.abc import Mapping, Sequence
from typing import Protocol


class ObjectiveConfig(Protocol):
    """Settings of the loss of a picture, as `terms.make_terms` needs them.

    `GatysConfig` has them, explains them, and adds how a run goes.
    """

    @property
    def content_layers(self) -> Mapping[str, float]:
        """Layers where the photograph is compared, with their weights."""

    @property
    def style_layers(self) -> Mapping[str, float]:
        """Layers where the style is compared, with their weights."""

    @property
    def style_loss(self) -> str:
        """What the style loss compares: a name in `term.STATISTICS`."""

    @property
    def style_scale(self) -> Sequence[float]:
        """Scale of all style images, or of each."""

    @property
    def content_weight(self) -> float:
        """Weight of the content loss."""

    @property
    def style_weight(self) -> float:
        """Weight of the style loss."""

    @property
    def tv_weight(self) -> float:
        """Weight of total variation."""

    @property
    def chroma_weight(self) -> float:
        """Weight of the variation of the colors alone."""

    @property
    def structure_weight(self) -> float:
        """Weight of the loss between Laplacians."""

    @property
    def evenness_weight(self) -> float:
        """Weight of evenness."""

    @property
    def layout_weight(self) -> float:
        """Weight of layout."""

    @property
    def histogram_weight(self) -> float:
        """Weight of the loss between color histograms."""

    def shares(self, count: int, fine: bool) -> list[float]:
        """Returns the share of each of `count` style images at a layer."""
