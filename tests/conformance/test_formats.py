"""Files that version 0.1.0 wrote, in `golden/version_0_1`, are still read.

The code of today cannot write them again: they stay as they are.
"""

import pathlib
import shutil

import keras
import numpy as np

import helpers
import tfstyle
from tfstyle import images
from tfstyle.pretrained.topology import STYLE_LAYERS

OLD = pathlib.Path(__file__).parents[1] / "golden" / "version_0_1"
PHOTO, WAVE = helpers.image(40, 48), helpers.image(32, 32, seed=1)


def test_a_model_of_version_0_1_paints_as_it_did():
    kind = tfstyle.StyleModel  # Keras finds what was imported before.
    model = keras.saving.load_model(OLD / "model.keras")
    assert isinstance(model, kind)
    painted = helpers.blocks(helpers.without_grain(model, PHOTO, WAVE))
    expected = np.load(OLD / "painted.npy")
    np.testing.assert_allclose(painted, expected, atol=1e-4)
    assert expected.std() > 0.02


def test_a_run_of_version_0_1_is_continued(tmp_path):
    shutil.copy(OLD / "checkpoint.npz", tmp_path)
    config = tfstyle.GatysConfig(
        size=32,
        steps=6,
        # The defaults of that version.
        coarse_share=0.025,
        init="content",
        style_layers=dict.fromkeys(STYLE_LAYERS, 1.0),
        style_weight=5.0,
        chroma_weight=0.0,
        evenness_weight=0.0,
        layout_weight=0.0,
        features="vgg_distilled",
        precision="float32",
        jit_compile="off",
    )
    steps, pictures = [], []

    def on_step(progress, picture):
        steps.append(progress.step)
        pictures.append(picture())

    tfstyle.stylize(PHOTO, WAVE, config, on_step, checkpoint_dir=str(tmp_path))
    assert steps == [4, 5, 6]
    # The weights of the thin network's terms have changed since, so that only
    # the way from the stored picture is as it was.
    stored = np.load(OLD / "checkpoint.npz")
    before = stored["array/average"][0] / stored["array/weight"]
    photo = images.resize(PHOTO, 27, 32)
    assert np.abs(pictures[0] - before).mean() < 0.04
    assert np.abs(pictures[0] - photo).mean() > 0.12
