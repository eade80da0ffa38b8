import pytest

from network_cases import LAYERS
from tfstyle import features


@pytest.fixture(scope="module")
def network(small_vgg16):
    return features.extractor("vgg16", LAYERS, weights=small_vgg16)
