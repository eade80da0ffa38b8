import h5py
import numpy as np
import pytest
import scipy.signal
from numpy.lib.stride_tricks import sliding_window_view

import helpers
from tfstyle.judging.lpips import Lpips

SIDES = [11, 5, 3, 3, 3]
CHANNELS = [3, 4, 5, 6, 5, 4]
PHOTO, OTHER = helpers.image(40, 47), helpers.image(40, 47, seed=1)


@pytest.fixture(scope="module")
def weights():
    random = np.random.default_rng(0)
    return [
        (
            random.standard_normal((side, side, inputs, outputs)) / side,
            random.standard_normal(outputs) / 4,
            random.random(outputs),
        )
        for side, inputs, outputs in zip(
            SIDES, CHANNELS[:-1], CHANNELS[1:], strict=True
        )
    ]


@pytest.fixture(scope="module")
def path(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("lpips") / "alex.h5"
    with h5py.File(path, "w") as file:
        for i, (kernel, bias, line) in enumerate(weights, 1):
            file[f"conv{i}/kernel"] = kernel.astype(np.float32)
            file[f"conv{i}/bias"] = bias.astype(np.float32)
            file[f"lin{i}"] = line.astype(np.float32)
    return path


def maps_of(image, weights):
    """The maps of AlexNet, by SciPy, each position of length 1."""
    x = 2 * image.astype(np.float64) - 1
    x = (x - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450]
    found = []
    for i, (kernel, bias, _) in enumerate(weights):
        if i in (1, 2):
            windows = sliding_window_view(x, (3, 3), (0, 1))
            x = windows[::2, ::2].max((-1, -2))
        zeros = 2 if i < 2 else 1
        x = np.pad(x, ((zeros, zeros), (zeros, zeros), (0, 0)))
        x = np.stack(
            [
                scipy.signal.correlate(x, kernel[..., o], "valid")[..., 0]
                for o in range(kernel.shape[-1])
            ],
            axis=-1,
        )
        if i == 0:
            x = x[::4, ::4]
        x = np.maximum(x + bias, 0)
        found.append(x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10))
    return found


def test_the_distance_is_that_of_the_definition(path, weights):
    ours, theirs = (maps_of(image, weights) for image in (PHOTO, OTHER))
    expected = sum(
        ((a - b) ** 2 @ line).mean()
        for a, b, (_, _, line) in zip(ours, theirs, weights, strict=True)
    )
    measure = Lpips(path)
    assert measure.distance(PHOTO, OTHER) == pytest.approx(expected, rel=1e-4)
    assert measure.distance(PHOTO, PHOTO) == 0


def test_small_pictures_are_refused(path):
    measure = Lpips(path)
    assert measure.distance(PHOTO[:31, :31], OTHER[:31, :31]) > 0
    with pytest.raises(ValueError, match="31 pixels .* Received: 47x30"):
        measure.distance(PHOTO[:30], OTHER[:30])


def test_files_that_do_not_fit_are_refused(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights file"):
        Lpips(tmp_path / "missing.h5")
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(ValueError, match="does not hold the weights of LPIPS"):
        Lpips(tmp_path / "text.h5")
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(other, "r+") as file:
        del file["conv4/bias"]
    with pytest.raises(ValueError, match="does not hold the weights of LPIPS"):
        Lpips(other)
    with h5py.File(other, "r+") as file:
        file["conv4/bias"] = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="does not fit AlexNet at conv4"):
        Lpips(other)


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("lin1", np.ones((4, 1)), "does not fit AlexNet at conv1"),
        ("lin2", np.full(5, np.nan), "not finite"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    path, tmp_path, name, value, message
):
    other = tmp_path / "other.h5"
    other.write_bytes(path.read_bytes())
    with h5py.File(other, "r+") as file:
        del file[name]
        file[name] = value
    with pytest.raises(ValueError, match=message):
        Lpips(other)


def test_any_kind_of_number_is_read(path, tmp_path):
    other = tmp_path / "other.h5"
    with h5py.File(path) as file, h5py.File(other, "w") as wide:
        for i in range(1, 6):
            for name in (f"conv{i}/kernel", f"conv{i}/bias", f"lin{i}"):
                wide[name] = file[name][:].astype(np.float64)
    expected = Lpips(path).distance(PHOTO, OTHER)
    assert Lpips(other).distance(PHOTO, OTHER) == expected
