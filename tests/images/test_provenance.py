import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

import helpers
import tfstyle
from tfstyle import images
from tfstyle.images import provenance
from tfstyle.optimization.config import GatysConfig

SUFFIXES = [".png", ".jpg", ".webp", ".tiff"]


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "private folder"
    folder.mkdir()
    files = {"content": folder / "dog.png", "style": folder / "Welle.png"}
    for seed, path in enumerate(files.values()):
        images.save(path, helpers.image(8, 9, seed))
    return files


def written(tmp_path, inputs, suffix=".png", **options):
    record = provenance.describe(GatysConfig(seed=7), inputs, **options)
    path = tmp_path / f"painted{suffix}"
    metadata = provenance.embed(record)
    images.save(path, helpers.image(8, 9), metadata=metadata)
    return path, record


def test_a_record_says_what_made_the_picture(inputs):
    record = provenance.describe(
        GatysConfig(seed=7, size=300), inputs, notes={"weights": "vgg19"}
    )
    assert record["tfstyle"] == tfstyle.__version__
    assert record["versions"]["numpy"] == np.__version__
    assert record["versions"]["pillow"] == PIL.__version__
    assert {"tensorflow", "keras", "python"} <= record["versions"].keys()
    assert (record["config"]["seed"], record["config"]["size"]) == (7, 300)
    assert record["notes"] == {"weights": "vgg19"}
    content = inputs["content"].read_bytes()
    assert record["inputs"]["content"] == {
        "name": "dog.png",
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def test_names_are_recorded_and_found_alike_in_all_locales(tmp_path):
    name = "M\N{LATIN SMALL LETTER O WITH DIAERESIS}we\udce9.png"
    images.save(tmp_path / name, helpers.image(8, 9))
    record = provenance.describe({}, {"content": tmp_path / name})
    assert record["inputs"]["content"]["name"] == name
    code = (
        "import json, os, sys; from tfstyle.images import provenance; "
        "record = json.loads(sys.argv[1]); "
        "found = provenance.find_inputs(record, [sys.argv[2]]); "
        "again = provenance.describe({}, found); "
        "assert again['inputs'] == record['inputs'], again; "
        "assert os.path.samefile(found['content'], os.listdir()[0])"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for variables in ({}, plain):
        subprocess.run(
            [sys.executable, "-c", code, json.dumps(record), tmp_path],
            env=helpers.environment(**variables),
            cwd=tmp_path,
            check=True,
        )


def test_numbers_of_numpy_are_numbers(inputs):
    config = GatysConfig(size=np.int64(64), style_weight=np.float32(5))
    record = json.loads(json.dumps(provenance.describe(config, inputs)))
    assert record["config"]["size"] == 64
    assert record["config"]["style_weight"] == 5.0


def test_the_config_is_made_again_from_its_record(tmp_path, inputs):
    config = GatysConfig(seed=7, style_layers={"block1_conv1": 0.5})
    record = json.loads(json.dumps(provenance.describe(config, inputs)))
    again = {**record["config"]}
    for name in ("style_scale", "style_detail"):
        again[name] = tuple(again[name])
    assert GatysConfig(**again) == config


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_carries_the_record(tmp_path, inputs, suffix):
    path, record = written(tmp_path, inputs, suffix)
    assert provenance.read(path) == json.loads(json.dumps(record))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_folder_is_given_away(tmp_path, inputs, suffix):
    config = {
        "feature_weights": str(tmp_path / "weights.h5"),
        "list": [tmp_path / "a.png", "../b.png"],
        "model": "https://hub/model/1",
    }
    record = provenance.describe(config, inputs, notes={"at": str(tmp_path)})
    assert record["config"] == {
        "feature_weights": "weights.h5",
        "list": ["a.png", "b.png"],
        "model": "https://hub/model/1",
    }
    path = tmp_path / f"painted{suffix}"
    metadata = provenance.embed(record)
    images.save(path, helpers.image(8, 9), metadata=metadata)
    text = json.dumps(provenance.read(path))
    assert "private folder" not in text
    assert str(tmp_path) not in text
    assert b"private folder" not in path.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gps_data_are_never_copied(tmp_path, inputs, suffix):
    camera = tmp_path / "camera.jpg"
    exif = PIL.Image.Exif()
    exif[0x010F] = "Kamerawerk"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    with PIL.Image.open(inputs["content"]) as image:
        image.save(camera, exif=exif, comment=b"at 52.52 N")
    with PIL.Image.open(camera) as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"

    record = provenance.describe({}, {"content": camera})
    path = tmp_path / f"painted{suffix}"
    metadata = provenance.embed(record)
    images.save(path, images.load(camera), metadata=metadata)

    with PIL.Image.open(path) as image:
        assert not image.getexif().get_ifd(0x8825)
        assert 0x010F not in image.getexif()
    assert b"Kamerawerk" not in path.read_bytes()
    assert b"52.52" not in path.read_bytes()


def test_a_missing_input_is_named_before_the_work(inputs):
    with pytest.raises(FileNotFoundError, match=r"no\.png"):
        provenance.describe({}, {"content": "no.png"})


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({}, id="none"),
        pytest.param({"tfstyle": "not JSON"}, id="text"),
        pytest.param({"tfstyle": "[]"}, id="a list"),
        pytest.param({"tfstyle": '{"config": {}}'}, id="no inputs"),
        pytest.param({"tfstyle": '{"config": 1, "inputs": {}}'}, id="number"),
        pytest.param(
            {"tfstyle": '{"config": {}, "inputs": {"content": {"name": "a"}}}'},
            id="no hash",
        ),
        pytest.param(
            {"tfstyle": '{"config": {}, "inputs": {}}'}, id="no notes"
        ),
        pytest.param(
            {"tfstyle": '{"config": {}, "inputs": {}, "notes": []}'},
            id="a list of notes",
        ),
        pytest.param(
            {"tfstyle": '{"config": {}, "inputs": [], "notes": {}}'},
            id="a list of inputs",
        ),
        pytest.param({"tfstyle": 100_000 * "["}, id="too deep"),
    ],
)
def test_a_picture_without_record_is_refused(tmp_path, metadata):
    path = tmp_path / "picture.png"
    images.save(path, helpers.image(8, 9), metadata=metadata)
    with pytest.raises(ValueError, match=r"picture\.png' does not say how"):
        provenance.read(path)


def test_what_is_not_a_picture_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("{}")
    with pytest.raises(ValueError, match=r"notes\.txt' is not an image"):
        provenance.read(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match=r"no\.png' does not exist"):
        provenance.read(tmp_path / "no.png")


def long_record(count, letters=200):
    """Of so many styles, whose names have so many letters."""
    record = provenance.describe(GatysConfig(seed=7), {}, {"device": "CPU"})
    entry = {"name": letters * "x", "sha256": 64 * "0"}
    inputs = {f"style {i}": entry for i in range(count)}
    return {**record, "inputs": inputs}


def fitted(record, suffix):
    return provenance.fitted(record, images.check_format(f"a{suffix}"))


@pytest.mark.parametrize(
    ("count", "letters", "left_out"),
    [
        pytest.param(100, 200, [], id="fits"),
        pytest.param(300, 120, ["sha256"], id="hashes first"),
        pytest.param(360, 200, ["sha256", "name"], id="names then"),
        pytest.param(5000, 10, ["sha256", "name", "role"], id="all of them"),
    ],
)
def test_what_a_format_has_no_room_for_is_left_out(count, letters, left_out):
    record = long_record(count, letters)
    short = fitted(record, ".jpg")
    assert len(json.dumps(provenance.embed(short))) <= 65533
    assert short["config"]["seed"] == 7
    assert short["notes"] == {"device": "CPU"}
    if not left_out:
        assert short == record
        return
    expected = {f"{key} of inputs" for key in left_out}
    assert set(short["left_out"]) == expected
    kept = {"sha256", "name"} - set(left_out)
    entries = [] if "role" in left_out else count * [kept]
    assert [set(entry) for entry in short["inputs"].values()] == entries


def test_the_longest_of_the_settings_is_left_out():
    record = long_record(3)
    record["config"]["style_mix"] = 20_000 * [0.125]
    short = fitted(record, ".jpg")
    assert short["left_out"] == ["sha256 of inputs", "style_mix"]
    assert "style_mix" not in short["config"]
    assert short["inputs"]["style 2"] == {"name": 200 * "x"}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("count", [360, 6000])
def test_every_format_carries_what_fits_of_a_record(tmp_path, suffix, count):
    short = fitted(long_record(count), suffix)
    path = tmp_path / f"painted{suffix}"
    metadata = provenance.embed(short)
    images.save(path, helpers.image(8, 9), metadata=metadata)
    assert provenance.read(path) == json.loads(json.dumps(short))
    limited = {".jpg": 360, ".png": 6000}.get(suffix, count + 1)
    assert ("left_out" in short) == (count >= limited)


def test_a_shortened_record_is_told_from_others():
    record = long_record(360)
    short = fitted(record, ".jpg")
    assert provenance.is_same(short, record)
    changed = long_record(360)
    changed["inputs"]["style 3"] = {"name": 200 * "x", "sha256": 64 * "1"}
    assert not provenance.is_same(short, changed)


def test_inputs_are_found_in_the_first_folder_that_has_them(tmp_path, inputs):
    path, _ = written(tmp_path, inputs)
    nearer = tmp_path / "near"
    nearer.mkdir()
    shutil.copy(inputs["style"], nearer)
    folders = [tmp_path / "no folder", nearer, inputs["content"].parent]
    found = provenance.find_inputs(provenance.read(path), folders)
    assert found == {
        "content": inputs["content"],
        "style": nearer / "Welle.png",
    }


def test_inputs_of_one_name_are_told_apart_by_content(tmp_path, inputs):
    other = tmp_path / "dog.png"
    images.save(other, helpers.image(5, 5, seed=9))
    both = {"content": inputs["content"], "style 1": other}
    record = provenance.describe({}, both)
    folders = [inputs["content"].parent, tmp_path]
    assert provenance.find_inputs(record, folders) == both


def test_a_missing_input_is_named_with_its_hash(tmp_path, inputs):
    path, record = written(tmp_path, inputs)
    sha256 = record["inputs"]["content"]["sha256"]
    message = (
        f"content 'dog.png' with SHA-256 {sha256} .* not in '{tmp_path}'\\. Put"
    )
    with pytest.raises(FileNotFoundError, match=message):
        provenance.find_inputs(provenance.read(path), [tmp_path, tmp_path])


def test_an_input_that_has_changed_is_not_taken(tmp_path, inputs):
    path, record = written(tmp_path, inputs)
    images.save(inputs["style"], helpers.image(3, 3))
    message = re.escape(f"'{inputs['style']}' has another content")
    with pytest.raises(FileNotFoundError, match=message) as error:
        provenance.find_inputs(provenance.read(path), [inputs["style"].parent])
    assert record["inputs"]["style"]["sha256"] in str(error.value)


def test_a_record_cannot_point_out_of_the_folders(tmp_path):
    secret = tmp_path / "secret.png"
    images.save(secret, helpers.image(4, 4))
    (tmp_path / "in").mkdir()
    entry = {"name": "../secret.png", "sha256": provenance.digest(secret)}
    with pytest.raises(FileNotFoundError, match=r"secret\.png"):
        provenance.find_inputs(
            {"inputs": {"content": entry}}, [tmp_path / "in"]
        )
    assert pathlib.Path(tmp_path / "in", entry["name"]).exists()
