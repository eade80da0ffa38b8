"""What may run on any backend: equal on TensorFlow and on JAX."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import helpers
import test_features
import test_losses
import test_objective
from tfstyle import features
from tfstyle.optimization import objective

ROOT = pathlib.Path(__file__).parents[1]

# None in sys.modules makes an import fail as if nothing were there.
_JAX = """
import sys
sys.modules["tensorflow"] = None
import jax
import keras
import numpy as np
import test_conformance
import test_losses

path, weights = sys.argv[1:]
assert keras.backend.backend() == "jax"
found = test_conformance.evaluate(weights)
inputs = [jax.numpy.asarray(x) for x in test_losses.UNTIED]
for name, loss in test_losses.LOSSES.items():
    total = lambda x, loss=loss: loss(x, *inputs[1:]).sum()
    found["gradient/" + name] = jax.grad(total)(inputs[0])
np.savez(path, **found)
"""


def evaluate(weights):
    """Losses, feature maps and terms, by name, on any backend."""
    found = {
        f"loss/{name}": loss(*test_losses.UNTIED)
        for name, loss in test_losses.LOSSES.items()
    }
    for pooling in features.POOLINGS:
        maps = test_features.maps(
            test_features.IMAGE,
            "vgg16",
            ["block1_conv1", "block2_pool"],
            pooling,
            weights,
        )
        found |= {f"{pooling}/{layer}": x for layer, x in maps.items()}
    found["thin"] = test_features.maps(
        test_features.IMAGE, "vgg_distilled", ["block5_conv1"]
    )["block5_conv1"]
    network = features.extractor(
        "vgg16", test_objective.LAYERS, weights=weights
    )
    for style_loss in ("gram", "wasserstein"):
        config = test_objective.settings(
            style_loss=style_loss,
            tv_weight=1,
            structure_weight=1,
            histogram_weight=1,
        )
        styles = [test_objective.WAVE, test_objective.NIGHT]
        photo = test_objective.PHOTO
        terms = objective.terms(network, photo, styles, config)
        values = test_objective.values(network, terms, photo[::-1].copy())
        found |= {f"{style_loss}/{name}": x for name, x in values.items()}
    return {name: np.array(x) for name, x in found.items()}


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory, small_vgg16):
    """What JAX makes of it where TensorFlow is not installed."""
    path = tmp_path_factory.mktemp("jax") / "found.npz"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    subprocess.run(
        [sys.executable, "-c", _JAX, path, small_vgg16],
        env={**os.environ, **helpers.ON_JAX, "PYTHONPATH": paths},
        check=True,
    )
    with np.load(path) as found:
        return dict(found)


def test_values_are_equal_on_jax(on_jax, small_vgg16):
    expected = evaluate(small_vgg16)
    assert len(expected) == 10 + 6 + 1 + 12
    for name, value in expected.items():
        # Small eigenvalues are mostly rounding, in the roots of which it grows.
        share = 1e-3 if name.startswith("wasserstein") else 1e-4
        atol = share * np.abs(value).max()
        np.testing.assert_allclose(
            on_jax[name], value, rtol=0, atol=atol, err_msg=name
        )


@pytest.mark.parametrize("name", test_losses.LOSSES)
def test_gradients_are_equal_on_jax(on_jax, name):
    _, gradient = test_losses.value_and_gradient(
        test_losses.LOSSES[name], *test_losses.UNTIED
    )
    np.testing.assert_allclose(on_jax[f"gradient/{name}"], gradient, atol=1e-6)
