"""Files that version 0.1.0 wrote, in `golden/version_0_1`, are still read.

The code of today cannot write them again: they stay as they are.
"""

import pathlib
import shutil

import keras
import numpy as np

import helpers
import tfstyle

OLD = pathlib.Path(__file__).parents[1] / "golden" / "version_0_1"
PHOTO, WAVE = helpers.image(40, 48), helpers.image(32, 32, seed=1)


def test_a_model_of_version_0_1_paints_as_it_did():
    kind = tfstyle.StyleModel  # Keras finds what was imported before.
    model = keras.saving.load_model(OLD / "model.keras")
    assert isinstance(model, kind)
    painted = helpers.blocks(model.stylize(PHOTO, WAVE))
    expected = np.load(OLD / "painted.npy")
    np.testing.assert_allclose(painted, expected, atol=1e-4)
    assert expected.std() > 0.02


def test_a_run_of_version_0_1_is_continued(tmp_path):
    shutil.copy(OLD / "checkpoint.npz", tmp_path)
    config = tfstyle.GatysConfig(
        size=32,
        steps=6,
        features="vgg_distilled",
        precision="float32",
        jit_compile="off",
    )
    steps = []
    picture = tfstyle.stylize(
        PHOTO,
        WAVE,
        config,
        lambda progress, picture: steps.append(progress.step),
        checkpoint_dir=str(tmp_path),
    )
    assert steps == [4, 5, 6]
    whole = tfstyle.stylize(PHOTO, WAVE, config)
    for actual, expected in zip(
        helpers.coarse(picture, PHOTO[:27, :32]),
        helpers.coarse(whole, PHOTO[:27, :32]),
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, atol=0.005)
