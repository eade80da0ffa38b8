import keras
import numpy as np
import pytest

import helpers
from tfstyle.adain import loading
from tfstyle.features import memory

CONTENT, STYLE = helpers.image(40, 52), helpers.image(30, 26, 3)


@pytest.fixture(scope="module")
def model():
    return helpers.style_model()


@pytest.fixture(scope="module")
def stored(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "model"
    model.save_preset(f"{path}.h5")
    model.save(f"{path}.keras")
    return path


def stylized(stylizer, strength=1.0):
    return stylizer.stylize(CONTENT, stylizer.embed([STYLE]), strength)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_files_of_this_project(model, stored, ending):
    stylizer = loading.load(f"{stored}.{ending}")
    expected = model.stylize(CONTENT, STYLE, 0.6)
    found = stylized(stylizer, 0.6)
    assert found.dtype == np.float32
    # The one file is float16.
    np.testing.assert_allclose(found, expected, atol=2e-2)
    assert np.abs(found - expected).mean() < 2e-3


def test_large_images_are_painted_in_tiles(stored):
    whole = loading.load(f"{stored}.h5")
    tiled = loading.load(f"{stored}.h5", tile=32)
    np.testing.assert_allclose(stylized(tiled), stylized(whole), atol=1e-5)


def test_all_sizes_are_one_trace(stored):
    stylizer = loading.load(f"{stored}.h5")
    style = stylizer.embed([STYLE])
    for size in (20, 33, 47):
        stylizer.stylize(helpers.image(size, size + 3), style)
    assert stylizer._apply.experimental_get_tracing_count() == 1


def test_what_is_no_model_is_refused(stored, tmp_path):
    with pytest.raises(ValueError, match="no model 'nothing'"):
        loading.load("nothing")
    with pytest.raises(ValueError, match="no model '.*missing.keras'"):
        loading.load(str(tmp_path / "missing.keras"))
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match="text.keras' is not a Keras model"):
        loading.load(str(tmp_path / "text.keras"))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="a StyleModel.*a Sequential"):
        loading.load(str(tmp_path / "other.keras"))


def test_damaged_files_are_refused(stored, tmp_path):
    data = bytearray(stored.with_suffix(".keras").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.keras").write_bytes(data)
    with pytest.raises(ValueError, match="damaged.keras' is .* damaged: "):
        loading.load(str(tmp_path / "damaged.keras"))


def test_tiles_take_less_memory(stored, monkeypatch):
    whole, tiled = (loading.load(f"{stored}.h5", tile=n) for n in (2048, 64))
    photo, style = helpers.image(48, 2000), helpers.image(48, 64)
    monkeypatch.setattr(memory, "left", lambda *limit: 20_000_000)
    embedding = whole.embed([style])
    with pytest.raises(MemoryError, match="sees 2000x48 pixels"):
        whole.stylize(photo, embedding)
    assert tiled.stylize(photo, embedding).shape == photo.shape
    with pytest.raises(MemoryError, match="sees 2000x48 pixels"):
        tiled.embed([photo])
