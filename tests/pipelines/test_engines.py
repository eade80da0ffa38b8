import dataclasses

import numpy as np
import pytest

import helpers
import tfstyle
from tfstyle import images
from tfstyle.adain import loading
from tfstyle.adain.config import TransferConfig
from tfstyle.controls import color
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import engines

GATYS = GatysConfig(
    size=40,
    steps=2,
    features="vgg_distilled",
    style_layers={"block1_conv1": 1.0},
    content_layers={"block1_conv1": 1.0},
)
TRANSFER = TransferConfig(size=40, style_size=32, precision="float32")
FILES = {"content": "photo.png", "style 1": "wave.png", "style 2": "night.png"}


def never(progress, picture):
    return False


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Role -> path, and the images, as they were stored."""
    folder = tmp_path_factory.mktemp("inputs")
    shapes = [(48, 64), (40, 40), (32, 50)]
    paths, stored = {}, []
    for seed, (role, name) in enumerate(FILES.items()):
        paths[role] = str(folder / name)
        images.save(paths[role], helpers.image(*shapes[seed], seed))
        stored.append(images.load(paths[role]))
    return paths, stored


def test_optimize_makes_what_stylize_does(inputs):
    paths, (photo, *styles) = inputs
    task = engines.Task(GATYS, paths)
    engine = engines.OptimizeEngine(10_000)
    engine.check(task)
    expected = tfstyle.stylize(photo, styles, GATYS)
    np.testing.assert_array_equal(engine.stylize(task, never), expected)


def test_files_are_read_once_for_all_that_have_the_same(inputs):
    engine = engines.OptimizeEngine(10_000)
    weaker = dataclasses.replace(GATYS, style_weight=1.0)
    smaller = dataclasses.replace(GATYS, size=32)
    first = engine.prepared(engines.Task(GATYS, inputs[0]))
    assert engine.prepared(engines.Task(weaker, inputs[0])) is first
    assert engine.prepared(engines.Task(smaller, inputs[0])) is not first


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (dataclasses.replace(GATYS, content_layers={"block9": 1}), "block9"),
        (dataclasses.replace(GATYS, size=4), "photo.png"),
    ],
)
def test_optimize_refuses_what_cannot_be_painted(inputs, config, expected):
    with pytest.raises(ValueError, match=expected):
        engines.OptimizeEngine(10_000).check(engines.Task(config, inputs[0]))


def test_optimize_refuses_what_does_not_fit_before_it_paints(inputs):
    large = dataclasses.replace(GATYS, size=1_000_000)
    engine = engines.OptimizeEngine(10_000)
    with pytest.raises(MemoryError, match="1000000x750000 pixels"):
        engine.load(engines.Task(large, inputs[0]))


@pytest.mark.parametrize(
    "engine", [engines.OptimizeEngine(100), engines.TransferEngine(100, None)]
)
def test_large_images_are_refused(inputs, engine):
    config = GATYS if isinstance(engine, engines.OptimizeEngine) else TRANSFER
    with pytest.raises(ValueError, match="more than"):
        engine.check(engines.Task(config, inputs[0]))


def test_transfer_makes_what_its_stylizer_does(inputs):
    paths, (photo, wave, night) = inputs
    config = dataclasses.replace(
        TRANSFER, strength=0.5, style_scale=(0.5, 1.0), style_mix=(0.3, 0.7)
    )
    task = engines.Task(config, paths)
    engine = engines.TransferEngine(10_000, None)
    engine.check(task)
    stylizer = loading.load("distilled")
    seen = [images.resize(wave, 16, 16), images.resize(night, 20, 32)]
    expected = stylizer.stylize(
        images.resize(photo, 30, 40), stylizer.embed(seen, config), 0.5
    )
    np.testing.assert_allclose(engine.stylize(task, never), expected, atol=1e-5)


def test_sizes_of_0_are_those_of_the_files(inputs):
    paths, (photo, wave, _) = inputs
    files = {role: paths[role] for role in ("content", "style 1")}
    config = dataclasses.replace(TRANSFER, size=0, style_size=0)
    actual = engines.TransferEngine(10_000, None).stylize(
        engines.Task(config, files), never
    )
    stylizer = loading.load("distilled")
    expected = stylizer.stylize(photo, stylizer.embed([wave]))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_models_are_loaded_once(inputs):
    engine = engines.TransferEngine(10_000, None)
    task = engines.Task(TRANSFER, inputs[0])
    weaker = dataclasses.replace(TRANSFER, strength=0.5)
    assert engine.load(task) is engine.load(engines.Task(weaker, inputs[0]))
    other = dataclasses.replace(TRANSFER, model="gone.h5")
    with pytest.raises((ValueError, FileNotFoundError), match="gone.h5"):
        engine.load(engines.Task(other, inputs[0]))


@pytest.mark.parametrize("config", [GATYS, TRANSFER])
def test_engines_know_the_controls(inputs, tmp_path, config):
    paths, (photo, *_) = inputs
    mask = np.zeros((48, 64, 3), np.float32)
    mask[:, :32] = 1
    images.save(tmp_path / "left.png", mask)
    files = paths | {"keep_mask": str(tmp_path / "left.png")}
    controls = dataclasses.replace(config, color="luminance")
    optimizes = isinstance(config, GatysConfig)
    engine = (
        engines.OptimizeEngine(10_000)
        if optimizes
        else engines.TransferEngine(10_000, None)
    )
    picture = engine.stylize(engines.Task(controls, files), never)
    small = images.resize(photo, 30, 40)
    np.testing.assert_array_equal(picture[:, :20], small[:, :20])
    grey = color.transfer_chroma(picture, small)
    np.testing.assert_allclose(picture, grey, atol=1e-5)
    assert (picture != small)[:, 20:].any()


@pytest.mark.parametrize("mode", color.COLORS)
def test_each_style_passes_the_encoder_once_for_a_picture(
    inputs, monkeypatch, mode
):
    passes = []
    embed_image = loading.CompiledStylizer.embed_image

    def counted(self, style, masks):
        passes.append(style.shape)
        return embed_image(self, style, masks)

    monkeypatch.setattr(loading.CompiledStylizer, "embed_image", counted)
    engine = engines.TransferEngine(10_000, None)
    config = dataclasses.replace(TRANSFER, color=mode)
    engine.stylize(engines.Task(config, inputs[0]), never)
    # Of two styles; it was 4 for all modes but "style".
    assert len(passes) == 2
