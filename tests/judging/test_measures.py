import numpy as np
import pytest

import helpers
from tfstyle import losses
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


def test_distances_are_relative(network):
    picture = PHOTO[::-1].copy()
    maps, photo, style = (
        {name: np.asarray(x) for name, x in network(image[None]).items()}
        for image in (picture, PHOTO, STYLE)
    )

    def gap(ours, theirs):
        return np.square(ours - theirs).mean() / np.square(theirs).mean()

    found = measures.Judge(network, PHOTO, STYLE).measure(picture)
    expected = gap(maps["block4_conv2"], photo["block4_conv2"])
    assert found["content"] == pytest.approx(expected, abs=1e-5)
    for i in range(1, 6):
        layer = f"block{i}_conv1"
        grams = [losses.gram_matrix(x[layer]) for x in (maps, style)]
        expected = gap(*map(np.asarray, grams))
        assert found[f"style/{layer}"] == pytest.approx(expected, abs=1e-5)


def test_small_images_are_refused(network):
    with pytest.raises(ValueError, match="28 pixels .* Received: 40x27"):
        measures.Judge(network, PHOTO[:27], STYLE)
