import zipfile

import pytest

import helpers
from tfstyle.adain import sources
from tfstyle.pretrained import presets


def test_models_of_this_package():
    source = sources.find("distilled")
    assert source.kind == "preset" and source.encoder is None
    assert source.files == (presets.path("distilled"),)
    assert sources.find("vgg19").encoder == "vgg19"


def test_files_and_folders(tmp_path):
    model = helpers.style_model()
    model.save_preset(tmp_path / "model.h5")
    (tmp_path / "model.keras").write_bytes(b"any")
    for name, kind in (("model.h5", "preset"), ("model.keras", "keras")):
        source = sources.find(str(tmp_path / name))
        assert (source.kind, source.encoder) == (kind, None)
        assert source.files == (tmp_path / name,)
    (tmp_path / "variables").mkdir()
    names = ("saved_model.pb", "variables/a", "variables/b")
    for name in names:
        (tmp_path / name).write_text(name)
    source = sources.find(str(tmp_path))
    assert source.kind == "saved_model"
    assert source.files == tuple(tmp_path / name for name in names)
    hub = sources.find("https://hub/model/1")
    assert hub.kind == "hub" and not hub.files


def test_weights_are_for_models_that_lack_them():
    sources.find("vgg19").check_encoder_weights("vgg19.h5")
    for name in ("distilled", "https://hub/model/1"):
        sources.find(name).check_encoder_weights(None)
        with pytest.raises(ValueError, match=f"'{name}'.*`encoder_weights`"):
            sources.find(name).check_encoder_weights("vgg19.h5")


def test_saved_models_need_a_style(tmp_path):
    (tmp_path / "saved_model.pb").write_text("any")
    for name in (str(tmp_path), "https://hub/model/1"):
        with pytest.raises(ValueError, match=f"'{name}' needs a `style`.*h5"):
            sources.find(name).styles()


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no model 'nothing'"):
        sources.find("nothing")
    with pytest.raises(ValueError, match="no model '.*missing.keras'"):
        sources.find(str(tmp_path / "missing.keras"))
    (tmp_path / "text.h5").write_text("no model")
    with pytest.raises(ValueError, match="text.h5"):
        sources.find(str(tmp_path / "text.h5"))


def test_styles_of_a_file_that_is_no_model(tmp_path):
    path = tmp_path / "list.keras"
    for text in ("[]", '{"config": null}', "{}", "text"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", text)
        with pytest.raises(ValueError, match="list.keras' is not a Keras mod"):
            sources.find(str(path)).styles()
