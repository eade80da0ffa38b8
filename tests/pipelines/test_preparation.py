import collections
import dataclasses
import shutil

import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.dreams import deepdream
from tfstyle.dreams.config import DreamConfig
from tfstyle.images import provenance
from tfstyle.optimization import gatys, run
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation
from tfstyle.pretrained import cache, hdf5, weights
from tfstyle.runtime import scratch

CONFIG = GatysConfig(
    size=64,
    features="vgg16",
    content_layers={"block2_conv2": 1.0},
    style_layers={"block1_pool": 1.0},
    style_scale=(1.0, 0.5),
)


@pytest.fixture
def inputs(tmp_path):
    alpha = np.linspace(0, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
    images.save(tmp_path / "photo.png", helpers.image(24, 32), alpha)
    images.save(tmp_path / "wave.png", helpers.image(20, 20, 1))
    images.save(tmp_path / "night.png", helpers.image(16, 30, 2))
    helpers.vgg_weights(tmp_path / "own.h5", blocks=2)
    return {
        "content": str(tmp_path / "photo.png"),
        "style 1": str(tmp_path / "wave.png"),
        "style 2": str(tmp_path / "night.png"),
        "feature_weights": str(tmp_path / "own.h5"),
    }


def with_weights(config, inputs):
    path = inputs["feature_weights"]
    return dataclasses.replace(config, feature_weights=path)


def paint(inputs, tmp_path, config=CONFIG):
    """A picture with the record of a job."""
    task = preparation.prepare(with_weights(config, inputs), inputs)
    path = tmp_path / "out.png"
    metadata = provenance.embed(task.record(task.config, "CPU"))
    images.save(path, helpers.image(8, 8), metadata=metadata)
    return str(path)


def test_prepare_reads_images_and_names_the_network(inputs):
    config = dataclasses.replace(CONFIG, features="auto")
    task = preparation.prepare(with_weights(config, inputs), inputs)
    assert task.config.features == "vgg16"
    assert task.content.alpha.shape == (24, 32)
    assert [style.shape for style in task.styles] == [(20, 20, 3), (16, 30, 3)]
    assert task.init is None
    assert not task.weights_file.published


def test_prepare_reads_the_picture_to_start_from(inputs):
    inputs["init"] = inputs["style 1"]
    task = preparation.prepare(with_weights(CONFIG, inputs), inputs)
    np.testing.assert_array_equal(task.init, task.styles[0])


def test_the_photograph_can_be_in_a_file(inputs, tmp_path):
    task = preparation.prepare(with_weights(CONFIG, inputs), inputs)
    found = task.in_files(scratch.Folder(str(tmp_path)).zeros)
    assert isinstance(found.content.pixels, np.memmap)
    np.testing.assert_array_equal(found.content.pixels, task.content.pixels)
    assert found.content.alpha is task.content.alpha


@pytest.fixture
def counts(monkeypatch):
    """How often files of weights were looked for, hashed and opened."""
    found = collections.Counter()

    def count(module, name):
        function = getattr(module, name)

        def counted(*arguments, **named):
            found[name] += 1
            return function(*arguments, **named)

        monkeypatch.setattr(module, name, counted)

    count(cache, "resolve")
    count(cache, "_digest")
    count(hdf5, "open_file")
    return found


@pytest.mark.parametrize("features", ["auto", "vgg16"])
def test_weights_are_resolved_and_read_once_in_a_run(
    features, inputs, tmp_path, counts
):
    config = dataclasses.replace(
        CONFIG, size=32, steps=2, features=features, style_scale=(1.0,)
    )
    task = preparation.prepare(with_weights(config, inputs), inputs)
    settings = run.on_device(task.config)
    # One more look at the layers says which network "auto" is.
    opened = 2 if features == "auto" else 1
    expected = {"resolve": 1, "_digest": 1, "open_file": opened}
    picture = gatys.stylize(
        task.content.pixels,
        task.styles,
        settings,
        checkpoint_dir=str(tmp_path / "state"),
        weights_file=task.weights_file,
    )
    assert counts == expected
    counts.clear()
    again = gatys.stylize(  # From its checkpoint, by the library alone.
        task.content.pixels,
        task.styles,
        dataclasses.replace(settings, features=features),
        checkpoint_dir=str(tmp_path / "state"),
    )
    np.testing.assert_array_equal(again, picture)
    assert counts["resolve"] == counts["_digest"] == 1


def test_the_weights_of_a_dream_are_resolved_and_read_once(
    dream, tmp_path, counts
):
    config = dataclasses.replace(DREAM, size=32, octaves=1, steps=1)
    task = preparation.prepare(with_weights(config, dream), dream)
    deepdream.deep_dream(
        task.content.pixels,
        run.on_device(task.config),
        checkpoint_dir=str(tmp_path / "state"),
        weights_file=task.weights_file,
    )
    assert counts == {"resolve": 1, "_digest": 1, "open_file": 2}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"size": 20}, "photo.png': The shorter side"),
        ({"style_layers": {"block6_conv1": 1.0}}, r"no layers \['block6_conv1"),
        ({"style_layers": {"block3_conv1": 1.0}}, "lacks layers"),
        ({"feature_weights": None}, "TFSTYLE_OFFLINE"),
    ],
)
def test_prepare_refuses_what_does_not_fit(
    changes, match, inputs, tmp_path, monkeypatch
):
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    config = dataclasses.replace(with_weights(CONFIG, inputs), **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        preparation.prepare(config, inputs)


def test_recall_gives_back_settings_and_files(inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    settings, found = preparation.recall(paint(inputs, tmp_path))
    assert GatysConfig(**settings) == CONFIG
    assert found == inputs
    assert preparation.styles(found) == [inputs["style 1"], inputs["style 2"]]


def test_recall_knows_what_older_versions_did_not_have(inputs, tmp_path):
    path = paint(inputs, tmp_path)
    record = provenance.read(path)
    del record["config"]["chroma_weight"]
    metadata = provenance.embed(record)
    images.save(path, images.load(path), metadata=metadata)
    assert preparation.recall(path)[0]["chroma_weight"] == 0


def test_recall_leaves_out_what_is_given(inputs, tmp_path):
    path = paint(inputs, tmp_path)
    (tmp_path / "night.png").unlink()
    settings, found = preparation.recall(path, {"style", "size"})
    assert found.keys() == {"content", "feature_weights"}
    assert "size" not in settings and settings["features"] == "vgg16"


def test_recall_looks_in_the_current_folder(inputs, tmp_path, monkeypatch):
    path = paint(inputs, tmp_path)
    (tmp_path / "here").mkdir()
    shutil.move(inputs["style 2"], tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert preparation.recall(path)[1]["style 2"] == "night.png"


def test_recall_names_a_missing_input_by_name_and_hash(inputs, tmp_path):
    path = paint(inputs, tmp_path)
    sha256 = provenance.digest(inputs["style 2"])
    (tmp_path / "night.png").unlink()
    with pytest.raises(FileNotFoundError, match=f"night.png.*{sha256}"):
        preparation.recall(path)


def test_published_weights_are_recalled_by_the_name_of_the_network(
    inputs, tmp_path, monkeypatch
):
    digest = weights.resolve("vgg16", inputs["feature_weights"]).digest
    file = dataclasses.replace(weights.FILES["vgg16"], digest=digest)
    monkeypatch.setitem(weights.FILES, "vgg16", file)
    settings, found = preparation.recall(paint(inputs, tmp_path))
    assert "feature_weights" not in found
    assert settings["features"] == "vgg16"
    assert settings["feature_weights"] is None


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"config": {"model": "distilled"}}, "not made by `stylize`"),
        ({"inputs": {}}, "not made by `stylize`"),
        ({"config": {"features": "vgg16", "size": "large"}}, "cannot be used"),
        (
            {"config": {"features": "vgg16", "style_layers": 3}},
            "cannot be used",
        ),
        (
            {"config": {"features": "vgg16", "size": -1}},
            "`size` must be positive",
        ),
    ],
)
def test_recall_refuses_other_records(changes, match, inputs, tmp_path):
    path = tmp_path / "out.png"
    record = provenance.describe(CONFIG, inputs) | changes
    metadata = provenance.embed(record)
    images.save(path, helpers.image(8, 8), metadata=metadata)
    with pytest.raises(ValueError, match=match):
        preparation.recall(str(path))


def shortened(tmp_path, **parts):
    """A picture with a record that lacks some parts."""
    path = tmp_path / "out.jpg"
    record = provenance.describe(CONFIG, {}) | parts
    metadata = provenance.embed(record | {"sha256": 64 * "0"})
    images.save(path, helpers.image(8, 8), metadata=metadata)
    return str(path)


def test_recall_says_what_a_shortened_record_lacks(inputs, tmp_path):
    left_out = ["sha256 of inputs", "name of inputs", "style_scale"]
    config = provenance.describe(CONFIG, {})["config"]
    del config["style_scale"]
    parts = {
        "config": config,
        "inputs": {role: {} for role in inputs},
        "left_out": left_out,
    }
    path = shortened(tmp_path, **parts)
    message = (
        "out.jpg' was shortened, .*: it lacks sha256 of inputs, name of "
        "inputs, style_scale. Give `style_scale`, `content`, `style`, "
        "`feature_weights`.$"
    )
    with pytest.raises(ValueError, match=message):
        preparation.recall(path)
    given = ["content", "style"]
    with pytest.raises(ValueError, match="Give `style_scale`, `feature_wei"):
        preparation.recall(path, given)
    given += ["style_scale", "feature_weights"]
    settings, found = preparation.recall(path, given)
    assert (found, settings["size"]) == ({}, 64)


def test_recall_says_that_a_shortened_record_has_no_inputs(tmp_path):
    left_out = ["sha256 of inputs", "name of inputs", "role of inputs"]
    path = shortened(tmp_path, inputs={}, left_out=left_out)
    with pytest.raises(ValueError, match="role of inputs. Give `content`."):
        preparation.recall(path)


def test_outputs_may_not_overwrite_inputs_or_each_other(inputs, tmp_path):
    out, link = str(tmp_path / "out.png"), tmp_path / "link.png"
    preparation.check_outputs(inputs, {"output": out, "trace": None})
    link.symlink_to(tmp_path / "photo.png")
    with pytest.raises(ValueError, match="is the content, too"):
        preparation.check_outputs(inputs, {"output": str(link)})
    with pytest.raises(ValueError, match="trace '.*' is the output, too"):
        preparation.check_outputs(inputs, {"output": out, "trace": out})
    with pytest.raises(FileNotFoundError, match="no folder"):
        preparation.check_outputs(
            inputs, {"output": str(tmp_path / "gone" / "o.png")}
        )


@pytest.mark.parametrize(
    ("output", "folder"),
    [
        ("out", "out"),
        ("./out", "here/../out/"),
        ("out", "link"),
        ("out", "out/state"),
        ("there/checkpoint.npz", "there"),
    ],
)
def test_outputs_may_not_be_the_checkpoint(output, folder, inputs, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    output, folder = (f"{tmp_path}/{path}" for path in (output, folder))
    with pytest.raises(ValueError, match="trace '.*' is the checkpoint, too"):
        preparation.check_outputs(inputs, {"trace": output}, folder)
    preparation.check_outputs(inputs, {"trace": f"{tmp_path}/there/t"}, folder)


def test_one_picture_may_have_two_roles(inputs, tmp_path):
    inputs["init"] = inputs["content"]
    preparation.check_outputs(inputs, {"output": str(tmp_path / "out.png")})


@pytest.fixture
def dream(inputs):
    return {
        "image": inputs["content"],
        "guide": inputs["style 1"],
        "feature_weights": inputs["feature_weights"],
    }


DREAM = DreamConfig(size=64, layers={"block2_conv1": 1.0}, channels=(1, 5))


def test_a_dream_has_a_guide_and_the_network_of_its_weights(dream):
    task = preparation.prepare(with_weights(DREAM, dream), dream)
    assert task.config.features == "vgg16"
    assert task.content.pixels.shape == (24, 32, 3)
    assert task.guide.shape == (20, 20, 3)
    with pytest.raises(ValueError, match=r"no layers \['mixed3'\]"):
        wrong = dataclasses.replace(DREAM, layers={"mixed3": 1.0})
        preparation.prepare(with_weights(wrong, dream), dream)


def test_recall_tells_dreams_and_paintings_apart(dream, inputs, tmp_path):
    path = paint(dream, tmp_path, DREAM)
    settings, files = preparation.recall(path, ["size"], DreamConfig)
    assert files == dream
    assert settings["channels"] == (1, 5)
    assert settings["layers"] == {"block2_conv1": 1.0}
    assert "size" not in settings
    with pytest.raises(ValueError, match="was not made by `stylize`"):
        preparation.recall(path)
    painted = paint(inputs, tmp_path)
    with pytest.raises(ValueError, match="was not made by `deep_dream`"):
        preparation.recall(painted, kind=DreamConfig)
