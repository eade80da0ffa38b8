import h5py
import numpy as np
import pytest

from tfstyle.pretrained import hdf5

KERNEL = np.linspace(-1, 1, 54).reshape(3, 3, 2, 3)
BIAS = np.array([0.5, 0.25, -0.125])


def test_what_is_saved_is_read_in_half_precision(tmp_path):
    path = tmp_path / "own.h5"
    hdf5.save(
        path, {"one": (KERNEL, BIAS), "two": (-KERNEL, -BIAS)}, {"a": "b"}
    )
    arrays, attributes = hdf5.read(path)
    assert list(arrays) == ["one", "two"] and attributes == {"a": "b"}
    for layer, sign in (("one", 1), ("two", -1)):
        for expected, actual in zip((KERNEL, BIAS), arrays[layer], strict=True):
            np.testing.assert_array_equal(actual, np.float16(sign * expected))
            assert actual.dtype == np.float32


def test_a_value_beyond_half_precision_leaves_an_older_file(tmp_path):
    path = tmp_path / "own.h5"
    path.write_bytes(b"older")
    with pytest.raises(ValueError, match="one_bias has values beyond float16"):
        hdf5.save(path, {"one": (KERNEL, 1e6 * BIAS)})
    assert path.read_bytes() == b"older"


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "own.h5"
    hdf5.save(path, {"one": (KERNEL, BIAS)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"own.h5' is not a Keras .* damaged"):
        hdf5.read(path)


@pytest.mark.parametrize(
    "put",
    [
        pytest.param(h5py.File.create_group, id="group"),
        pytest.param(
            lambda file, name: file.create_dataset(name, data=["a", "b"]),
            id="texts",
        ),
    ],
)
def test_other_things_in_place_of_weights_are_refused(tmp_path, put):
    path = tmp_path / "own.h5"
    hdf5.save(path, {"one": (KERNEL, BIAS)})
    with h5py.File(path, "r+") as file:
        del file["one/one_bias"]
        put(file, "one/one_bias")
    with pytest.raises(ValueError, match=r"own.h5' is not a Keras .* one: .+"):
        hdf5.read(path)
