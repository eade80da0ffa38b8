"""Factors that give the weights of the loss the same effect for each network.

They were found by painting, see docs/decisions/thin_network.md.
"""

from typing import NamedTuple


class Gains(NamedTuple):
    """Factors of the weights of the loss, for one network.

    A thin network does not see all of a picture. What it does not see of the
    photograph would be lost, and it does not see all of the fine noise, specks
    and blocks of color that its own gradient makes.

    Attributes:
        content: Factor of the content weight.
        palette: Factor of the style weight of layers of full resolution, which
            see little but colors.
        variation: Factor of the weight of total variation.
        chroma: Factor of the weight of chroma.
        squares: Factor of the weights of evenness and of layout.
    """

    content: float = 1.0
    palette: float = 1.0
    variation: float = 1.0
    chroma: float = 1.0
    squares: float = 1.0


_GAINS = {
    "vgg_distilled": Gains(
        content=3.0, palette=2.0, variation=2.8, chroma=6.8, squares=3.4
    )
}


def of(network: str) -> Gains:
    """Returns the factors for the network of this name; 1 for most."""
    return _GAINS.get(network, Gains())
