import numpy as np
import pytest

import helpers
from tfstyle import data, images


@pytest.fixture
def folder(tmp_path):
    """Three images of different shapes, one of them deeper, and a text."""
    (tmp_path / "more").mkdir()
    for i, name in enumerate(["a.png", "b.jpg", "more/c.PNG"]):
        path = tmp_path / name
        images.save(path.with_suffix(path.suffix.lower()), picture(i))
        path.with_suffix(path.suffix.lower()).rename(path)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def picture(seed):
    return helpers.image(24 + 8 * seed, 40, seed)


def crops(files, **changes):
    settings = {"crop": 16, "batch_size": 4, "batches": 3, "seed": 1}
    return data.Crops(files, **(settings | changes))


def test_finds_images_in_folders_within(folder):
    names = [p.name for p in data.find([folder, folder / "more"])]
    assert names == ["a.png", "b.jpg", "c.PNG", "c.PNG"]


def test_a_folder_must_be_one_and_hold_images(folder, tmp_path):
    with pytest.raises(NotADirectoryError, match="no folder '.*missing'"):
        data.find([tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty' holds no images. Expected"):
        data.find([folder, tmp_path / "empty"])


def test_split_parts_are_whole_and_apart(folder):
    files = data.find([folder])
    train, held_out = data.split(files, 1, seed=3)
    assert len(held_out) == 1
    assert sorted(train + held_out) == files
    assert data.split(files, 1, seed=3) == (train, held_out)
    with pytest.raises(ValueError, match="from 0 to 2.*held_out=3"):
        data.split(files, 3)


def test_batches_depend_on_seed_epoch_and_index_alone(folder):
    files = data.find([folder])
    batch = crops(files, epoch=2)[1]
    later = crops(files)
    later[0]
    later.on_epoch_end()
    later.on_epoch_end()
    np.testing.assert_array_equal(later[1], batch)
    others = [crops(files, epoch=2, seed=0)[1], crops(files)[1], later[0]]
    assert not any(np.array_equal(other, batch) for other in others)


def test_batches_are_images(folder):
    batches = crops(data.find([folder]))
    assert len(batches) == 3
    batch = batches[0]
    assert batch.shape == (4, 16, 16, 3)
    assert batch.dtype == np.float32
    assert batch.min() >= 0 and batch.max() <= 1
    assert batch.std() > 0.01


def test_crops_keep_the_aspect(tmp_path):
    # A slope across: a crop of the whole height covers 1 / 4 of the width.
    slope = np.linspace(0, 1, 128, dtype=np.float32)
    wide = np.broadcast_to(slope[None, :, None], (32, 128, 3))
    images.save(tmp_path / "slope.png", wide)
    files = data.find([tmp_path])
    batch = crops(files, batch_size=50, smallest=0.5)[0]
    slopes = np.abs(np.diff(batch, axis=2)).mean((1, 2, 3)) * 16
    assert slopes.max() == pytest.approx(32 / 128, rel=0.05)
    assert slopes.min() == pytest.approx(16 / 128, rel=0.1)
    # Mirrored about as often as not.
    falling = (batch[:, :, 0] > batch[:, :, -1]).all((1, 2)).mean()
    assert 0.3 < falling < 0.7


def test_files_that_cannot_be_read_are_counted_and_replaced(folder):
    (folder / "broken.png").write_bytes(b"no image")
    files = data.find([folder])
    batches = crops(files, batch_size=20)
    assert batches[0].shape == (20, 16, 16, 3)
    assert batches.unreadable == {folder / "broken.png"}
    only = crops([folder / "broken.png"])
    with pytest.raises(ValueError, match=r"None of the 1 images.*broken.png"):
        only[0]


def test_native_crops_are_parts_of_the_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3)) / 255
    images.save(tmp_path / "noise.png", image)
    batch = crops(data.find([tmp_path]), native=1.0)[0]
    windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16), (0, 1))
    windows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 16, 16, 3)
    for crop in batch:
        gaps = [
            np.abs(windows - c).max((1, 2, 3)) for c in (crop, crop[:, ::-1])
        ]
        assert np.min(gaps) < 1e-6


def test_noise_is_on_half_of_the_crops(tmp_path):
    images.save(tmp_path / "grey.png", np.full((20, 20, 3), 0.5, np.float32))
    batch = crops(data.find([tmp_path]), batch_size=200, noise=0.1)[0]
    deviations = batch.std((1, 2, 3))
    assert 0.4 < (deviations > 1e-4).mean() < 0.6
    assert 0.09 < deviations.max() < 0.105
    assert batch.dtype == np.float32
