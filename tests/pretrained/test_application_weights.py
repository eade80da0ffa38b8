import h5py
import numpy as np
import pytest

from tfstyle.pretrained import application_weights, topology


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setitem(topology.PARAMETERS, "resnet50", 30)


def write(path, *arrays):
    with h5py.File(path, "w") as file:
        for index, array in enumerate(arrays):
            file[f"conv2d_{index + 7}/nested/kernel"] = array
    return path


def check(path):
    with h5py.File(path) as file:
        application_weights.check(file, "resnet50", path)


def test_the_number_of_values_tells(small, tmp_path):
    arrays = np.ones((2, 5), "float32"), np.ones(20, "float16")
    check(write(tmp_path / "own.h5", *arrays))
    with pytest.raises(ValueError, match=r"expected 30 numbers. Received: 10"):
        check(write(tmp_path / "short.h5", arrays[0]))
    with pytest.raises(ValueError, match="Received: 0. Pass another file"):
        check(write(tmp_path / "empty.h5"))


def test_values_must_be_numbers(small, tmp_path):
    path = write(tmp_path / "text.h5", np.ones(29, "float32"), "text")
    with pytest.raises(ValueError, match="text.h5' is not .* has no numbers"):
        check(path)


def test_values_must_be_finite(small, tmp_path):
    bad = np.full(20, np.inf, "float32")
    path = write(tmp_path / "bad.h5", np.ones((2, 5), "float32"), bad)
    with pytest.raises(ValueError, match="bad.h5' holds values that are not"):
        check(path)
