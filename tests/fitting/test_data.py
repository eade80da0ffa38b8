import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.fitting import data
from tfstyle.images import folders


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


def test_batches_depend_on_seed_epoch_and_index_alone(folder):
    files = folders.find([folder])
    batch = crops(files, epoch=2)[1]
    later = crops(files, epoch=2)
    later[0]
    np.testing.assert_array_equal(later[1], batch)
    others = [crops(files, epoch=2, seed=0)[1], crops(files)[1], later[0]]
    assert not any(np.array_equal(other, batch) for other in others)


def test_batches_are_images(folder):
    batches = crops(folders.find([folder]))
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
    files = folders.find([tmp_path])
    batch = crops(files, batch_size=50, smallest=0.5)[0]
    slopes = np.abs(np.diff(batch, axis=2)).mean((1, 2, 3)) * 16
    assert slopes.max() == pytest.approx(32 / 128, rel=0.05)
    assert slopes.min() == pytest.approx(16 / 128, rel=0.1)
    # Mirrored about as often as not.
    falling = (batch[:, :, 0] > batch[:, :, -1]).all((1, 2)).mean()
    assert 0.3 < falling < 0.7


def test_files_that_cannot_be_read_are_counted_and_replaced(folder):
    (folder / "broken.png").write_bytes(b"no image")
    files = folders.find([folder])
    batches = crops(files, batch_size=20)
    assert batches[0].shape == (20, 16, 16, 3)
    assert batches.unreadable == {folder / "broken.png"}
    # Known from then on, also of other files.
    unreadable = batches.unreadable
    shared = crops(files, unreadable=unreadable, epoch=1)
    (folder / "a.png").write_bytes(b"no image either")
    shared[0]
    assert unreadable == {folder / "broken.png", folder / "a.png"}
    alone = crops([folder / "b.jpg"] * 3, unreadable=unreadable)
    assert alone[0].shape == (4, 16, 16, 3)
    only = crops([folder / "broken.png"])
    with pytest.raises(ValueError, match=r"None of the 1 images.*broken.png"):
        only[0]


def test_native_crops_are_parts_of_the_image(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (30, 20, 3)) / 255
    images.save(tmp_path / "noise.png", image)
    batch = crops(folders.find([tmp_path]), native=1.0)[0]
    windows = np.lib.stride_tricks.sliding_window_view(image, (16, 16), (0, 1))
    windows = windows.transpose(0, 1, 3, 4, 2).reshape(-1, 16, 16, 3)
    for crop in batch:
        gaps = [
            np.abs(windows - c).max((1, 2, 3)) for c in (crop, crop[:, ::-1])
        ]
        assert np.min(gaps) < 1e-6


def test_noise_is_on_half_of_the_crops(tmp_path):
    images.save(tmp_path / "grey.png", np.full((20, 20, 3), 0.5, np.float32))
    batch = crops(folders.find([tmp_path]), batch_size=200, noise=0.1)[0]
    deviations = batch.std((1, 2, 3))
    assert 0.4 < (deviations > 1e-4).mean() < 0.6
    assert 0.09 < deviations.max() < 0.105
    assert batch.dtype == np.float32


def pairs(files, **changes):
    parts = [crops(files, **({"seed": seed} | changes)) for seed in (1, 2)]
    return data.Pairs(*parts)


def test_pairs_are_crops_of_both(folder):
    files = folders.find([folder])
    ((contents, styles),) = pairs(files)[1]
    np.testing.assert_array_equal(contents, crops(files, seed=1)[1])
    np.testing.assert_array_equal(styles, crops(files, seed=2)[1])
    assert len(pairs(files)) == 3


def test_an_epoch_can_begin_in_the_middle(folder):
    files = folders.find([folder])
    whole, rest = pairs(files), pairs(files, first=1, batches=2)
    assert len(rest) == 2
    for ours, theirs in zip(rest[0][0], whole[1][0], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_batches_do_not_depend_on_what_is_known_to_be_unreadable(folder):
    (folder / "broken.png").write_bytes(b"no image")
    files = folders.find([folder])
    known = crops(files, unreadable={folder / "broken.png"})
    np.testing.assert_array_equal(known[0], crops(files)[0])


def test_files_that_cannot_be_read_are_passed_over(folder):
    (folder / "aa.png").write_bytes(b"no image")
    files, unreadable = folders.find([folder]), set()
    found = list(data.readable(files, unreadable, range(len(files))))
    assert len(found) == 3 and unreadable == {folder / "aa.png"}
    np.testing.assert_array_equal(found[1], images.load(folder / "b.jpg"))
    with pytest.raises(ValueError, match=r"None of the 1 images.*aa.png"):
        list(data.readable([folder / "aa.png"], unreadable, [0]))


def test_a_digest_is_of_names_and_order(folder, tmp_path_factory):
    files = folders.find([folder])
    moved = tmp_path_factory.mktemp("moved") / "away"
    folder.rename(moved)
    assert data.digest(folders.find([moved])) == data.digest(files)
    others = [files[1:], files[::-1], [*files[:2], folder / "d.png"]]
    digests = {data.digest(other) for other in [files, *others]}
    assert len(digests) == 4


def test_an_image_may_be_a_line(tmp_path):
    images.save(tmp_path / "line.png", helpers.image(40, 1))
    lines = crops(folders.find([tmp_path]), smallest=0.1)
    assert lines[0].shape == (4, 16, 16, 3)


def test_photographs_are_held_out_where_there_are_many():
    count = data.HELD_OUT
    few = [np.full(1, i) for i in range(4 * count - 1)]
    learned, held = data.split(few)
    assert len(learned) == len(few) and len(held) == count
    learned, held = data.split([*few, np.full(1, -1)])
    assert len(learned) == 3 * count
    assert {id(x) for x in learned}.isdisjoint({id(x) for x in held})
