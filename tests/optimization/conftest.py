import pytest

from tfstyle.optimization.config import GatysConfig


@pytest.fixture(scope="module")
def settings(small_vgg16):
    """Makes a quick configuration, with changes."""

    def make(**changes):
        quick = {
            "size": 40,
            "steps": 12,
            "coarse_share": 1.0,
            "init": "content",
            "features": "vgg16",
            "feature_weights": small_vgg16,
            "content_layers": {"block1_conv2": 1},
            "style_layers": {"block1_conv1": 1, "block1_conv2": 1},
            "style_weight": 10.0,
            "style_loss": "gram",
            "tv_weight": 0.0,
            "chroma_weight": 0.0,
            "evenness_weight": 0.0,
            "layout_weight": 0.0,
            "precision": "float32",
        }
        return GatysConfig(**quick | changes)

    return make
