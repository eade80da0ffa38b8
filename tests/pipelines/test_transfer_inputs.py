import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.adain import specialization
from tfstyle.adain.config import TransferConfig
from tfstyle.images import provenance
from tfstyle.pipelines import transfer_inputs


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    images.save(path, helpers.image(40, 80))
    return str(path)


@pytest.fixture
def painting(tmp_path):
    path = tmp_path / "painting.png"
    images.save(path, helpers.image(60, 30, 1))
    return str(path)


def shapes(arrays):
    return [array.shape[:2] for array in arrays]


def test_styles_are_scaled_each_by_its_own(photo, painting):
    both = [photo, painting]
    config = TransferConfig(style_size=40, style_scale=(1.0, 2.0))
    seen = transfer_inputs.styles(both, config, images.read)
    assert shapes(seen) == [(20, 40), (80, 40)]
    stored = transfer_inputs.styles(
        both, TransferConfig(style_size=0), images.read
    )
    assert shapes(stored) == [(40, 80), (60, 30)]
    assert stored[0].tolist() == images.load(photo).tolist()


def test_styles_inside_a_model_keep_their_size(tmp_path):
    style = helpers.image(30, 40)
    model = specialization.copy(helpers.style_model(), [style], "float32")
    model.save_preset(tmp_path / "wave.h5")
    name = str(tmp_path / "wave.h5")
    for scale in (1.0, 2.0):
        config = TransferConfig(model=name, style_size=80, style_scale=(scale,))
        (seen,) = transfer_inputs.styles([name], config, images.read)
        assert seen.shape[:2] == (30 * scale, 40 * scale)


def test_narrow_images_are_named(photo):
    config = TransferConfig(style_size=20)
    with pytest.raises(ValueError, match="photo.png': "):
        transfer_inputs.styles([photo], config, images.read)
    config = TransferConfig(style_size=80, style_scale=(0.25,))
    with pytest.raises(
        ValueError, match="'.*png' at a `style_scale` of 0.25: "
    ):
        transfer_inputs.styles([photo], config, images.read)


def test_a_photograph_has_its_size_and_its_regions(photo, painting, tmp_path):
    mask = np.zeros((40, 80, 3), np.float32)
    mask[:, :40] = 1
    images.save(tmp_path / "mask.png", mask)
    config = TransferConfig(size=40, style_size=0)
    styles = transfer_inputs.styles([painting], config, images.read)
    given = styles, config, images.read
    picture, regions = transfer_inputs.photograph(photo, {}, *given)
    assert picture.pixels.shape == (20, 40, 3)
    assert regions is None
    roles = {"style 1": painting, "content_mask 1": str(tmp_path / "mask.png")}
    _, regions = transfer_inputs.photograph(photo, roles, *given)
    weights = regions.parts[0].mask
    assert weights.shape == (20, 40)
    assert weights[:, :19].min() > 0.9 and weights[:, 21:].max() < 0.1
    with pytest.raises(ValueError, match="has no transparency"):
        transfer_inputs.photograph(photo, {"keep_mask": "alpha"}, *given)


def test_digests_are_of_all_that_makes_the_model(tmp_path, monkeypatch):
    model = tmp_path / "model.h5"
    helpers.style_model().save_preset(model)
    found = transfer_inputs.describe(str(model), None)
    assert found["model"] == provenance.digest(model)
    assert transfer_inputs.describe("https://hub/model/1", None) == {}
    graph = tmp_path / "saved"
    (graph / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/a", "variables/b"):
        (graph / name).write_text(name)
    saved = transfer_inputs.describe(str(graph), None)["model"]
    assert saved == [
        provenance.digest(graph / name)
        for name in ("saved_model.pb", "variables/a", "variables/b")
    ]
    for whole in (str(model), str(graph), "https://hub/model/1"):
        with pytest.raises(ValueError, match="leave out `encoder_weights`"):
            transfer_inputs.describe(whole, "vgg19.h5")
    monkeypatch.setenv("TFSTYLE_OFFLINE", "1")
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError):
        transfer_inputs.describe("vgg19", None)
    with pytest.raises(ValueError, match="There is no model 'none'"):
        transfer_inputs.describe("none", None)
