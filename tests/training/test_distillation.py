import shutil

import numpy as np
import pytest
from keras import ops

import helpers
from tfstyle import features, images, losses
from tfstyle.fitting import data
from tfstyle.images import folders
from tfstyle.pretrained import hdf5, topology
from tfstyle.runtime import checkpoint
from tfstyle.training import distillation, initialization
from tfstyle.training.config import DistillConfig


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for i in range(4):
        images.save(folder / f"{i}.png", helpers.image(40, 48, i))
    return folders.find([folder])


def config(teacher_weights, **changes):
    settings = {
        "teacher": "vgg16",
        "teacher_weights": teacher_weights,
        "teacher_dtype": "float32",
        "steps": 2,
        "epoch": 1,
        "batch_size": 2,
        "crop": 32,
        "samples": 4,
    }
    return DistillConfig(**(settings | changes))


def test_layers_are_the_convolutions_of_both():
    assert distillation.taught_layers("vgg16") == [
        name for name in topology.shapes("vgg16")
    ]
    assert distillation.taught_layers("vgg19") == [
        name for name in topology.shapes("vgg16")
    ]


def test_errors_are_relative():
    target = np.ones((2, 3, 3, 4), np.float32)
    target[1] *= 2
    energy = np.array([1, 4])
    damping = distillation._DAMPING
    np.testing.assert_allclose(
        distillation.relative_error(0 * target, target),
        energy / (energy + damping),
        rtol=1e-6,
    )
    # Gram matrices of ones; twice as much is four times as much.
    np.testing.assert_allclose(
        distillation.gram_error(2 * target[:1], target[:1]),
        9 / (1 + damping**2 / 4),
        rtol=1e-6,
    )


def test_losses_are_the_same_in_the_coordinates(small_vgg16):
    # The reason for principal axes: with all of them, nothing is lost.
    layer = "block1_conv1"
    network = features.extractor("vgg16", [layer], weights=small_vgg16)
    pictures = [helpers.image(20, 20, seed)[None] for seed in range(2)]
    one, other = (network(picture)[layer] for picture in pictures)
    axes, share = initialization.principal_axes(np.asarray(one), 64)
    assert share == pytest.approx(1)

    def relative(change):
        target = losses.gaussian(*losses.mean_covariance(change(one)))
        energy = ops.mean(ops.square(change(one)))
        gram = losses.gram_matrix(change(one))
        return [
            losses.content_loss(change(other), change(one)) / energy,
            losses.style_loss(change(other), gram) / ops.mean(gram**2),
            losses.wasserstein_loss(change(other), target) / energy,
        ]

    np.testing.assert_allclose(
        relative(lambda maps: ops.matmul(maps, axes)),
        relative(lambda maps: maps),
        rtol=5e-3,
    )


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """Folder of the checkpoint of the first of two steps; see `learned`."""
    return tmp_path_factory.mktemp("begun")


@pytest.fixture(scope="module")
def learned(files, random_vgg16, begun, tmp_path_factory):
    """Weights after two steps, those after each, and held-out errors."""
    errors, saved = [], []
    folder = tmp_path_factory.mktemp("learned")

    def on_step(progress, _):
        errors.extend(v for n, v in progress.losses.items() if n == "val_loss")
        if progress.done == 2:  # Its checkpoint is yet to be written.
            shutil.copytree(folder, begun, dirs_exist_ok=True)

    arrays = distillation.distill(
        config(random_vgg16),
        files[:3],
        files[3:],
        folder=folder,
        on_step=on_step,
        on_epoch=saved.append,
    )
    return arrays, saved, errors


def test_it_learns_and_starts_from_what_it_wrote(
    learned, files, random_vgg16, tmp_path
):
    arrays, saved, errors = learned
    assert len(errors) == len(saved) == 2
    assert list(arrays) == list(topology.shapes("vgg_distilled"))
    before, after = (pair["block5_conv3"][0] for pair in saved)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(arrays["block5_conv3"][0], after)

    path = tmp_path / "thin.h5"
    hdf5.save(path, arrays)
    start = config(random_vgg16, start=str(path), steps=1, learning_rate=0.0)
    kept = distillation.distill(
        start, files[:3], files[3:], on_step=lambda *_: True
    )
    for layer in ("block1_conv1", "block5_conv3"):
        expected = arrays[layer][0].astype(np.float16)
        np.testing.assert_array_equal(kept[layer][0], expected)


def test_a_run_that_was_killed_goes_on_with_the_same_axes(
    learned, begun, files, random_vgg16
):
    # Of other files there would be other axes.
    _, meta = checkpoint.load(begun)
    assert (meta["key"]["files"], meta["steps"]) == (data.digest(files[:3]), 1)
    run = config(random_vgg16), files[:3], files[3:]
    # Ended with the last step: nothing held out is evaluated again.
    steps = []
    resumed = distillation.distill(
        *run,
        folder=begun,
        on_step=lambda progress, _: steps.append(progress.done) or True,
    )
    assert steps == [2]
    for layer, (kernel, _) in learned[0].items():
        np.testing.assert_allclose(
            resumed[layer][0], kernel, atol=1e-6, err_msg=layer
        )


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"crop": 50_000}, "A step with `batch_size`=2 and `crop`=50000"),
        ({"samples": 10**8}, "`samples`=100000000 of `crop`=32"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(files, changes, match):
    with pytest.raises(MemoryError, match=match):
        distillation.distill(config("missing.h5", **changes), files, files)
