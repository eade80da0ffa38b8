import numpy as np
import pytest

import helpers
from tfstyle.judging import measures, reference

PHOTO, STYLE = helpers.image(32, 40), helpers.image(36, 32, seed=1)


@pytest.fixture(scope="module")
def network():
    return reference.make_network("vgg_distilled")


def test_the_photograph_keeps_all_of_itself(network):
    found = measures.Judge(network, PHOTO, STYLE).measure(PHOTO)
    assert found["content"] == found["specks"] == 0 and found["ssim"] == 1
    assert {name.split("/")[0] for name in found} == {*measures.MEASURES} - {
        "cfsd",
        "lpips",
    }
    for name, count in (("style", 5), ("patch", 3)):
        parts = [v for k, v in found.items() if k.startswith(f"{name}/")]
        assert len(parts) == count
        assert found[name] == pytest.approx(np.mean(parts), abs=1e-5)


def test_the_style_itself_has_its_statistics(network):
    found = measures.Judge(network, PHOTO, PHOTO).measure(PHOTO)
    assert found["style"] == pytest.approx(0, abs=1e-5)
    assert found["color"] == pytest.approx(0, abs=1e-5)


def test_distances_are_those_of_the_reference(network):
    judge = measures.Judge(network, PHOTO, STYLE)
    picture = PHOTO[::-1].copy()
    found = judge.measure(picture)
    baseline = reference.Reference(network)
    target = baseline.target(PHOTO, STYLE)
    style, content = baseline.distances(picture, target)
    assert found["style"] == pytest.approx(style, abs=1e-5)
    assert found["content"] == pytest.approx(content, abs=1e-5)


def test_small_images_are_refused(network):
    with pytest.raises(ValueError, match="28 pixels .* Received: 40x27"):
        measures.Judge(network, PHOTO[:27], STYLE)
