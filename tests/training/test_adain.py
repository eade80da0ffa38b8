import json
import os
import pathlib
import subprocess
import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest

import helpers
import programs
from tfstyle import images
from tfstyle.adain import specialization
from tfstyle.adain.model import StyleModel
from tfstyle.fitting import loop
from tfstyle.images import folders
from tfstyle.training import adain
from tfstyle.training.config import AdaINConfig

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(6):
        images.save(folder / f"{i}.png", helpers.image(40, 48, i))
    paths = folders.find([folder])
    return paths[:3], paths[3:]


def config(**changes):
    return AdaINConfig(**helpers.training_settings(**changes))


def train(files, folder=None, **changes):
    options = {
        key: changes.pop(key)
        for key in ("on_step", "on_epoch")
        if key in changes
    }
    return adain.train(
        config(**changes), files, files, folder=folder, **options
    )


LEARNING = {"steps": 50, "epoch": 20, "learning_rate": 3e-3}


class Learned(NamedTuple):
    """A run: its model and files, and what its callbacks and others received.

    One of the photographs cannot be read.
    """

    model: StyleModel
    files: tuple
    folder: pathlib.Path
    seen: list
    epochs: list
    unreadable: set


@pytest.fixture(scope="module")
def learned(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned")
    broken = folder / "broken.png"
    broken.write_bytes(b"no image")
    contents, styles = files
    seen, epochs, unreadable = [], [], set()
    model = adain.train(
        config(**LEARNING),
        ([*contents, broken], styles),
        files,
        folder=folder,
        on_step=lambda progress, _: seen.append(progress),
        on_epoch=lambda model, steps: epochs.append(steps),
        unreadable=unreadable,
    )
    seen = [progress for progress in seen if progress.losses]
    return Learned(
        model, ([*contents, broken], styles), folder, seen, epochs, unreadable
    )


def test_it_learns(learned):
    losses = [progress.losses["loss"] for progress in learned.seen]
    assert losses[-1] < 0.7 * losses[0]


def test_both_parts_are_trained_and_reported(learned):
    assert learned.epochs == [20, 40, 50]
    ends = [p for p in learned.seen if "val_loss" in p.losses]
    assert [p.done for p in ends] == learned.epochs
    terms = {"loss", "content", "style", "tv", "range"}
    assert set(ends[0].losses) == terms | {f"val_{term}" for term in terms}
    changed = [
        not np.array_equal(a, b)
        for a, b in zip(
            adain.untrained(config()).get_weights(),
            learned.model.get_weights(),
            strict=True,
        )
    ]
    # Heads of layers that are no levels are not there.
    assert all(changed)


def test_a_frozen_encoder_stays(files):
    before = adain.untrained(config()).encoder.get_weights()
    # Ended with the second step: nothing held out is evaluated.
    end = lambda progress, _: progress.done == 2  # noqa: E731
    model = train(files, train_encoder=False, on_step=end)
    for ours, theirs in zip(before, model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_goes_on_from_a_model(learned, tmp_path):
    model = learned.model
    model.save_preset(tmp_path / "model.h5")
    start = adain.untrained(config(start=str(tmp_path / "model.h5")))
    assert start.settings == model.settings
    for ours, theirs in zip(
        start.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs.astype(np.float16))


def test_a_model_gets_modulation_and_is_as_it_was(tmp_path):
    plain = adain.untrained(config(modulation=0))
    plain.save_preset(tmp_path / "model.h5")
    start = str(tmp_path / "model.h5")
    modulated = adain.untrained(config(start=start, modulation=8))
    assert modulated.settings == plain.settings | {"modulation": 8}
    photo, style = helpers.image(24, 32), helpers.image(20, 20, 3)
    expected = adain.untrained(config(start=start))
    np.testing.assert_allclose(
        modulated.stylize(photo, style),
        expected.stylize(photo, style),
        atol=1e-6,
    )
    modulated.save_preset(start)
    with pytest.raises(ValueError, match="`modulation` must be 8, that of"):
        adain.untrained(config(start=start, modulation=0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("levels", ("block3_conv1",)),
        ("depths", (1, 1, 3)),
        ("encoder", "vgg19"),
    ],
)
def test_a_model_to_go_on_from_is_as_the_settings_say(tmp_path, name, value):
    start = str(tmp_path / "model.h5")
    adain.untrained(config()).save_preset(start)
    with pytest.raises(ValueError, match=f"`{name}` must be .*, that of"):
        adain.untrained(config(**{"start": start, name: value}))


def test_a_model_to_go_on_from_has_its_encoder(tmp_path):
    start = str(tmp_path / "model.h5")
    adain.untrained(config(train_encoder=True)).save_preset(start)
    settings = config(start=start, encoder_weights="vgg.h5")
    with pytest.raises(ValueError, match="leave out `encoder_weights`"):
        adain.untrained(settings)


def test_results_are_written(files, tmp_path):
    model = helpers.style_model(precision="mixed_bfloat16")
    shown = []
    results = adain.Results(
        tmp_path, files, 2, set(), lambda sheet, steps: shown.append(steps)
    )
    results(model, 7)
    assert shown == [7]
    stored = keras.saving.load_model(tmp_path / "model.keras")
    assert stored.dtype_policy.name == "float32"
    for ours, theirs in zip(
        stored.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert StyleModel.from_preset(tmp_path / "model.h5").built
    preview = images.load(tmp_path / "preview.png")
    assert preview.shape[0] > 2 * adain._SHOWN
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "model.h5",
        "model.keras",
        "preview.png",
    ]


def test_a_preview_leaves_out_what_cannot_be_read(files, tmp_path):
    broken = [tmp_path / name for name in ("a.png", "b.png")]
    for path in broken:
        path.write_bytes(b"no image")
    contents, styles = files
    held_out = ([*broken, *contents], [styles[0], broken[0], *styles[1:]])
    unreadable = set()
    results = adain.Results(tmp_path, held_out, 2, unreadable)
    assert unreadable == set(broken)
    expected = [adain._shown(images.load(p)) for p in contents[:2]]
    for (content, _), ours in zip(results.pairs, expected, strict=True):
        np.testing.assert_array_equal(content, ours)
    with pytest.raises(ValueError, match="None of the 2 images can be read"):
        adain.Results(tmp_path, (broken, styles), 2, set())


def test_a_preview_does_not_grow_by_a_picture_like_a_line(files, tmp_path):
    line = tmp_path / "line.png"
    images.save(line, helpers.image(1, 60, 1))
    results = adain.Results(tmp_path, ([line], files[1]), 1, set())
    results(helpers.style_model(), 1)
    assert images.load(tmp_path / "preview.png").shape[1] < 4000


def test_unreadable_files_are_told(learned):
    assert learned.unreadable == {learned.folder / "broken.png"}


def test_a_checkpoint_of_other_images_is_refused(learned):
    contents, styles = learned.files
    others = contents, styles[1:]
    with pytest.raises(ValueError, match="other pictures"):
        train(others, learned.folder, **LEARNING)


# Trains by each of some settings, and prints its losses or the error.
_TRAIN = """
import json, pathlib, sys
if sys.argv[1] == "jax":
    sys.modules["tensorflow"] = None
    strategy = lambda count: None
else:
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    # As from `devices.start`.
    strategy = lambda count: (
        tf.distribute.get_strategy() if count == 1
        else tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    )
from tfstyle.training import adain as style_training
from tfstyle.training.config import AdaINConfig
files = [[pathlib.Path(p) for p in part] for part in json.loads(sys.argv[3])]
for count, settings in json.loads(sys.argv[2]):
    seen = []
    try:
        style_training.train(
            AdaINConfig(**settings), files, files,
            on_step=lambda progress, _: seen.extend(
                [progress.losses["loss"]] if progress.losses else []
            ),
            strategy=strategy(count),
        )
    except ValueError as error:
        seen = str(error)
    print(json.dumps(seen))
"""


def trained(backend, trainings, files):
    """Losses, or an error, of trainings: numbers of devices and settings."""
    paths = json.dumps([[str(p) for p in part] for part in files])
    process = subprocess.run(
        [sys.executable, "-c", _TRAIN, backend, json.dumps(trainings), paths],
        cwd=ROOT,
        env={
            **os.environ,
            **helpers.ON_JAX,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
    )
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()[-len(trainings) :]
    return list(map(json.loads, lines))


def test_backends_and_numbers_of_devices_have_the_same_losses(files, tmp_path):
    start = tmp_path / "start.h5"
    adain.untrained(config()).save_preset(start)
    # What rounding differs in must not grow from step to step.
    settings = {"start": str(start), "steps": 3, "epoch": 1}
    settings |= {"learning_rate": 1e-4, "style_loss": "wasserstein"}
    even, uneven = (
        vars(config(**settings, batch_size=size)) for size in (2, 3)
    )
    one, two, refused = trained(
        "tensorflow", [(1, even), (2, even), (2, uneven)], files
    )
    assert len(one) == 3
    np.testing.assert_allclose(two, one, rtol=1e-4)
    assert "`batch_size` must be a multiple of 2" in refused
    (theirs,) = trained("jax", [(1, even)], files)
    np.testing.assert_allclose(one, theirs, rtol=1e-4)


def test_it_learns_in_float16_and_goes_on_as_if_not_ended(files, tmp_path):
    steps = {"steps": 24, "epoch": 16, "precision": "mixed_float16"}
    losses = []

    def note(progress, _):
        losses.extend([progress.losses["loss"]] if progress.losses else [])

    whole = train(files, on_step=note, **steps)
    assert losses[-1] < 0.8 * losses[0]
    assert whole.decoder.get_layer("stage1_out").compute_dtype == "float16"
    # The first steps find how much can be gained; some overflow.
    assert 12 < int(whole.optimizer.inner_optimizer.iterations) < 24
    # In the middle of the first epoch.
    stop = lambda progress, _: progress.done == 10  # noqa: E731
    train(files, tmp_path, on_step=stop, **steps)
    done = []
    resumed = train(
        files,
        tmp_path,
        on_step=lambda progress, _: done.append(progress.done),
        **steps | {"precision": "auto"},
    )
    assert sorted(set(done)) == [*range(11, 25)]
    for ours, theirs in zip(
        resumed.get_weights(), whole.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_gradients_that_overflow_leave_the_weights(files):
    model = adain.untrained(config(precision="mixed_float16"))
    model.compile(
        loop.optimizer(0.1, "mixed_float16"),
        objective=_Huge(),
    )
    before = model.get_weights()
    pictures = np.stack([helpers.image(32, 32)] * 2)
    model.train_on_batch((pictures, pictures))
    for ours, theirs in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert float(model.optimizer.dynamic_scale) == 2.0**14


class _Huge:
    """A loss whose gradients are beyond float16."""

    terms = ("huge",)

    def __call__(self, images, contents, styles):
        return {"huge": 1e9 * keras.ops.sum(images, axis=(1, 2, 3))}


@pytest.mark.parametrize("changes", [{"crop": 50_000}, {"batch_size": 10**7}])
def test_batches_that_do_not_fit_are_refused(files, changes):
    with pytest.raises(MemoryError, match="A step with `batch_size`="):
        train(files, **changes)


def test_a_specialized_model_is_no_start(tmp_path):
    start = str(tmp_path / "wave.h5")
    model = adain.untrained(config())
    specialization.copy(model, [helpers.image(20, 24)], None).save_preset(start)
    with pytest.raises(ValueError, match="wave.h5' was specialized, and"):
        adain.untrained(config(start=start))
