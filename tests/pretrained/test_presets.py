import hashlib
import pathlib

import numpy as np
import pytest

from tfstyle.pretrained import hdf5, presets, weights

ARRAYS = {
    "stage1_out": (
        np.linspace(-1, 1, 54).reshape(3, 3, 2, 3).astype(np.float32),
        np.array([0.5, 0.25, -0.125], np.float32),
    )
}


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "model.h5"
    given = {"widths": [1, 2], "encoder": "vgg19", "train_encoder": True}
    presets.save(path, given, ARRAYS)
    settings, arrays = presets.load(path)
    assert settings == given
    kernel, bias = arrays["stage1_out"]
    np.testing.assert_allclose(kernel, ARRAYS["stage1_out"][0], atol=5e-4)
    np.testing.assert_array_equal(bias, ARRAYS["stage1_out"][1])
    assert kernel.dtype == np.float32


def test_unknown_names_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no model 'nothing'.*'distilled'"):
        presets.load("nothing")
    with pytest.raises(ValueError, match="no model"):
        presets.load(tmp_path / "missing.h5")


def test_names_may_be_paths():
    assert presets.path(pathlib.Path("distilled")) == presets.path("distilled")


def test_other_files_are_refused(tmp_path):
    hdf5.save(tmp_path / "weights.h5", ARRAYS)
    with pytest.raises(ValueError, match="does not say its settings"):
        presets.load(tmp_path / "weights.h5")
    for text in ("[]", "{}", '{"train_encoder": false}', "more"):
        hdf5.save(tmp_path / "other.h5", ARRAYS, {"tfstyle": text})
        with pytest.raises(ValueError, match="does not say its settings"):
            presets.load(tmp_path / "other.h5")
    (tmp_path / "whole.keras").write_text("a whole model")
    with pytest.raises(ValueError, match="name the .h5 file beside it"):
        presets.load(tmp_path / "whole.keras")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match="not a Keras weights file"):
        presets.load(tmp_path / "text.h5")


@pytest.mark.parametrize("name", sorted(presets.FILES))
def test_models_of_this_package_are_small_and_described(name):
    path = presets.path(name)
    assert path.stat().st_size < 16_000_000
    settings, arrays = presets.load(name)
    assert settings["encoder"] in weights.FILES
    assert all(np.isfinite(a).all() for pair in arrays.values() for a in pair)
    card = path.with_suffix(".md").read_text()
    assert hashlib.md5(path.read_bytes()).hexdigest() in card


def test_all_models_fit_in_the_package():
    folder = pathlib.Path(presets.__file__).parent / "pretrained"
    assert sum(p.stat().st_size for p in folder.glob("adain_*.h5")) < 16e6
