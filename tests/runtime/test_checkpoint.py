import numpy as np
import pytest

import helpers
from tfstyle.runtime import checkpoint

ARRAYS = {
    "pixels": np.random.default_rng(0).random((5, 7, 3), np.float32),
    "adam/m": np.array([np.nan, -0.0, np.inf, 1e-45], np.float32),
    "step": np.array(12, np.int64),
    # Names that `numpy.savez` has for itself.
    "file": np.zeros((0, 3)),
    "allow_pickle": np.array([True, False]),
    "meta": np.array(["3.5"], "float64"),
}
META = {"size": 181, "loss": 0.1 + 0.2, "config": {"style": ["Möwe.jpg"]}}


def test_what_was_saved_is_loaded_bit_for_bit(tmp_path):
    checkpoint.save(tmp_path / "new" / "folder", ARRAYS, META)
    arrays, meta = checkpoint.load(tmp_path / "new" / "folder")
    assert meta == META
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_arrays_are_kept_elsewhere_one_by_one(tmp_path):
    checkpoint.save(tmp_path, ARRAYS, META)
    kept = []

    def keep(array):
        kept.append(array.copy())
        return kept[-1]

    arrays, _ = checkpoint.load(tmp_path, keep)
    assert all(x is y for x, y in zip(arrays.values(), kept, strict=True))
    assert arrays["pixels"].tobytes() == ARRAYS["pixels"].tobytes()


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path) is None
    assert checkpoint.load(tmp_path / "no folder") is None


def test_the_last_one_is_kept(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, {"x": np.full(step, step)}, {"step": step})
    arrays, meta = checkpoint.load(tmp_path)
    assert (arrays["x"].tolist(), meta) == ([2, 2], {"step": 2})
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failed_save_leaves_the_last_one(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, {"x": np.ones(3)}, {"step": 1})

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(tmp_path, {"x": np.zeros(3)}, {"step": 2})
    arrays, meta = checkpoint.load(tmp_path)
    assert (arrays["x"].tolist(), meta) == ([1, 1, 1], {"step": 1})
    assert len(list(tmp_path.iterdir())) == 1


def test_what_the_format_does_not_know_is_refused(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for array in (np.zeros(2, ml_dtypes.bfloat16), np.array([None])):
        with pytest.raises(ValueError, match="'x' of type .*float32 first"):
            checkpoint.save(tmp_path, {"x": array}, {})
    assert not list(tmp_path.iterdir())


def damaged(data, kind):
    data = bytearray(data)
    if kind == "empty":
        return b""
    if kind == "text":
        return b"not a checkpoint"
    if kind == "half":
        return data[: len(data) // 2]
    data[200] ^= 1  # A bit of the first array; its checksum tells.
    return data


@pytest.mark.parametrize("kind", ["empty", "text", "half", "one bit"])
def test_a_damaged_file_is_refused(tmp_path, kind):
    checkpoint.save(tmp_path, ARRAYS, META)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damaged(path.read_bytes(), kind))
    with pytest.raises(ValueError, match="is not a whole checkpoint") as error:
        checkpoint.load(tmp_path)
    assert str(path) in str(error.value)


def test_a_lack_of_memory_is_no_damage(tmp_path):
    checkpoint.save(tmp_path, ARRAYS, META)

    def keep(array):
        raise MemoryError("3 GiB")

    with pytest.raises(MemoryError, match="3 GiB"):
        checkpoint.load(tmp_path, keep)


def test_the_arrays_of_another_program_are_refused(tmp_path):
    checkpoint.save(tmp_path, {}, {})
    (path,) = tmp_path.iterdir()
    np.savez(path, pixels=np.zeros(3))
    with pytest.raises(ValueError, match="is not a whole checkpoint"):
        checkpoint.load(tmp_path)


def test_code_in_a_file_is_not_run(tmp_path):
    checkpoint.save(tmp_path, {}, {})
    (path,) = tmp_path.iterdir()
    np.savez(path, meta=np.array([print], object))
    with pytest.raises(ValueError, match="is not a whole checkpoint"):
        checkpoint.load(tmp_path)


def test_remove_deletes_the_folder_only_when_it_is_empty(tmp_path):
    for name in ("empty", "shared"):
        checkpoint.save(tmp_path / name, ARRAYS, META)
    (tmp_path / "shared" / "notes.txt").write_text("mine")
    for name in ("empty", "shared", "never there"):
        checkpoint.remove(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == [
        "shared",
        "notes.txt",
    ]


def test_check_writable_makes_nothing(tmp_path):
    checkpoint.check_writable(tmp_path)
    checkpoint.check_writable(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []


def test_check_writable_refuses_a_file(tmp_path):
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "folder"):
        with pytest.raises(NotADirectoryError, match="file' is not a folder"):
            checkpoint.check_writable(folder)


IMAGE = helpers.image(8, 10)
SETTINGS = {"steps": 2, "layers": [1.5, None]}
STATE = {"picture": IMAGE}


def test_a_checkpoint_comes_back(tmp_path):
    kept = checkpoint.Checkpoints(str(tmp_path), SETTINGS, [IMAGE])
    assert kept.load() is None
    kept.save(STATE, {"step": 3})
    again = checkpoint.Checkpoints(str(tmp_path), SETTINGS, [IMAGE])
    arrays, meta = again.load()
    np.testing.assert_array_equal(arrays["picture"], IMAGE)
    assert meta["step"] == 3


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        (SETTINGS | {"steps": 3}, [IMAGE]),
        (SETTINGS, [IMAGE, IMAGE]),
        (SETTINGS, [IMAGE[::-1]]),
        (SETTINGS, [IMAGE.reshape(10, 8, 3)]),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(settings, images, tmp_path):
    checkpoint.Checkpoints(str(tmp_path), SETTINGS, [IMAGE]).save(STATE, {})
    other = checkpoint.Checkpoints(str(tmp_path), settings, images)
    with pytest.raises(ValueError, match="belongs to other images or settings"):
        other.load()


def test_numbers_of_numpy_are_numbers(tmp_path):
    plain = checkpoint.Checkpoints(str(tmp_path), SETTINGS, [IMAGE])
    plain.save(STATE, {"step": 3})
    settings = SETTINGS | {"steps": np.int64(2)}
    again = checkpoint.Checkpoints(str(tmp_path), settings, [IMAGE])
    assert again.load()[1]["step"] == 3


def test_what_cannot_be_written_is_said_with_the_picture(tmp_path):
    (tmp_path / "file").write_text("")
    kept = checkpoint.Checkpoints(str(tmp_path / "file"), SETTINGS, [IMAGE])
    assert kept.deliver(IMAGE) is IMAGE
    kept.save(STATE, {})
    with pytest.raises(
        checkpoint.UnsavedError, match="file' could not be"
    ) as error:
        kept.deliver(IMAGE)
    assert error.value.picture is IMAGE


def test_without_a_folder_nothing_is_kept():
    kept = checkpoint.Checkpoints(None, SETTINGS, [IMAGE])
    kept.save(STATE, {})
    assert kept.load() is None


def test_a_checkpoint_is_due_after_a_while(tmp_path, monkeypatch):
    kept = checkpoint.Checkpoints(str(tmp_path), SETTINGS, [IMAGE])
    assert not kept.due
    monkeypatch.setattr(checkpoint, "_SECONDS", -1.0)
    assert kept.due
