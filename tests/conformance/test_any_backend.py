"""What may run on any backend: equal on TensorFlow and on JAX."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import helpers
import losses_cases
from network_cases import evaluate

ROOT = pathlib.Path(__file__).parents[2]

# None in sys.modules makes an import fail as if nothing were there.
_JAX = """
import sys
sys.modules["tensorflow"] = None
import jax
import keras
import numpy as np
import losses_cases
import network_cases

path, weights = sys.argv[1:]
assert keras.backend.backend() == "jax"
found = network_cases.evaluate(weights, jax.jit)
inputs = [jax.numpy.asarray(x) for x in losses_cases.UNTIED]
for name, loss in losses_cases.LOSSES.items():
    def total(x):
        each = loss(x, *inputs[1:])
        return each.sum(), each
    found["gradient/" + name], found["loss/" + name] = jax.jit(
        jax.grad(total, has_aux=True)
    )(inputs[0])
np.savez(path, **found)
"""


_NUMPY = """
import sys
sys.modules["tensorflow"] = None
import keras
import numpy as np
import losses_cases

assert keras.backend.backend() == "numpy"
found = {n: f(*losses_cases.UNTIED) for n, f in losses_cases.LOSSES.items()}
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory, small_vgg16):
    """What JAX makes of it where TensorFlow is not installed."""
    path = tmp_path_factory.mktemp("jax") / "found.npz"
    return _found(path, _JAX, small_vgg16, **helpers.ON_JAX)


def _found(path, code, *arguments, **environment):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    subprocess.run(
        [sys.executable, "-c", code, path, *arguments],
        env={**os.environ, **environment, "PYTHONPATH": paths},
        check=True,
    )
    with np.load(path) as found:
        return dict(found)


def test_losses_are_equal_on_numpy(tmp_path):
    path = tmp_path / "found.npz"
    found = _found(path, _NUMPY, KERAS_BACKEND="numpy")
    for name, loss in losses_cases.LOSSES.items():
        value = loss(*losses_cases.UNTIED)
        np.testing.assert_allclose(found[name], value, rtol=1e-4, err_msg=name)


def test_values_are_equal_on_jax(on_jax, small_vgg16):
    expected = evaluate(small_vgg16)
    assert len(expected) == 6 + 1 + 1 + 18 + 1
    for name, loss in losses_cases.LOSSES.items():
        expected[f"loss/{name}"] = np.array(loss(*losses_cases.UNTIED))
    assert len(expected) == 12 + 27
    for name, value in expected.items():
        # Small eigenvalues are mostly rounding, in the roots of which it grows.
        share = 1e-3 if name.startswith("wasserstein") else 1e-4
        atol = share * np.abs(value).max()
        np.testing.assert_allclose(
            on_jax[name], value, rtol=0, atol=atol, err_msg=name
        )


@pytest.mark.parametrize("name", losses_cases.LOSSES)
def test_gradients_are_equal_on_jax(on_jax, name):
    _, gradient = losses_cases.value_and_gradient(
        losses_cases.LOSSES[name], *losses_cases.UNTIED
    )
    np.testing.assert_allclose(on_jax[f"gradient/{name}"], gradient, atol=1e-6)
