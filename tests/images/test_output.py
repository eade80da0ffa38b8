import tempfile

import numpy as np
import PIL.Image
import pytest

import helpers
from tfstyle import images
from tfstyle.images import output, provenance
from tfstyle.runtime.progress import Progress

PIXELS = helpers.image(12, 16)
RECORD = provenance.describe({"seed": 3}, {})


def progresses(count):
    """Arguments of `on_step`, for as many steps."""
    for step in range(count):
        progress = Progress(
            size=16,
            height=12,
            width=16,
            step=step + 1,
            steps=count,
            done=step,
            total=count,
            losses={},
            seconds=0.0,
            memory=0,
        )
        yield progress, lambda step=step: np.full_like(PIXELS, step / count)


def test_record_says_whether_the_run_is_complete(tmp_path):
    path = str(tmp_path / "out.png")
    target = output.Output(path=path, record=RECORD)
    for complete in (False, True):
        target.save(PIXELS, complete)
        record = provenance.read(path)
        assert record["notes"] == {"complete": complete}
        assert record["config"] == {"seed": 3}


def test_previews_of_large_pictures_are_reduced(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "_LARGEST", 8)
    path = str(tmp_path / "out.png")
    target = output.Output(path=path, record=RECORD, dpi=300)
    show = target.preview(1)
    for progress, picture in progresses(1):
        show(progress, picture)
    assert images.load(path).shape == (6, 8, 3)
    target.save(PIXELS)
    assert images.load(path).shape == PIXELS.shape
    with PIL.Image.open(path) as image:
        assert round(image.info["dpi"][0]) == 300


def test_transparency_takes_the_size_of_the_picture(tmp_path):
    path = str(tmp_path / "out.webp")
    alpha = np.ones((24, 32), np.float32)
    alpha[:, :16] = 0
    output.Output(path=path, record=RECORD, alpha=alpha).save(PIXELS)
    actual = images.read(path).alpha
    assert actual.shape == (12, 16)
    assert actual[:, :6].max() < 0.01 and actual[:, 10:].min() > 0.99


def test_format_without_transparency_gets_the_picture_on_white(tmp_path):
    path = str(tmp_path / "out.jpg")
    alpha = np.ones((12, 16), np.float32)
    alpha[:, :8] = 0
    output.Output(path=path, record=RECORD, alpha=alpha).save(PIXELS * 0.5)
    actual = images.read(path)
    assert actual.alpha is None
    np.testing.assert_allclose(actual.pixels[:, :4], 1, atol=0.02)
    np.testing.assert_allclose(
        actual.pixels[:, 12:].mean(), 0.5 * PIXELS[:, 12:].mean(), atol=0.02
    )


def test_bit_depth_and_quality_are_those_asked_for(tmp_path):
    path = str(tmp_path / "out.png")
    output.Output(path=path, record=RECORD, bit_depth=16).save(PIXELS)
    assert (tmp_path / "out.png").read_bytes()[24] == 16  # IHDR.
    sizes = []
    for quality in (20, 90):
        path = tmp_path / f"{quality}.jpg"
        target = output.Output(path=str(path), record=RECORD, quality=quality)
        target.save(PIXELS)
        sizes.append(path.stat().st_size)
    assert sizes[0] < sizes[1]


def test_preview_writes_every_few_steps_and_never_ends_the_run(tmp_path):
    path = tmp_path / "out.png"
    on_step = output.Output(path=str(path), record=RECORD).preview(3)
    written = []
    for arguments in progresses(8):
        assert not on_step(*arguments)
        if path.exists():
            written.append(round(float(images.load(path).mean()) * 8))
    # The third step is number 2, the sixth is number 5.
    assert written == [2, 2, 2, 5, 5, 5]
    assert provenance.read(path)["notes"]["complete"] is False


def test_preview_counts_steps_not_their_parts(tmp_path):
    path = tmp_path / "out.png"
    on_step = output.Output(path=str(path), record=RECORD).preview(2)
    for progress, picture in progresses(2):
        for _ in range(3):
            assert not path.exists() or progress.step == 2
            on_step(progress, picture)
    assert path.exists()


def test_preview_that_fails_does_not_end_the_run(tmp_path):
    path = str(tmp_path / "gone" / "out.png")
    on_step = output.Output(path=path, record=RECORD).preview(1)
    for arguments in progresses(2):
        assert not on_step(*arguments)


def test_picture_that_cannot_be_written_is_rescued(tmp_path, monkeypatch):
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    path = str(tmp_path / "gone" / "out.png")
    with pytest.raises(OSError, match="Cannot write .*gone/out.png") as caught:
        output.Output(path=path, record=RECORD).save(PIXELS)
    (rescued,) = elsewhere.iterdir()
    assert f"The picture is '{rescued}' instead." in str(caught.value)
    np.testing.assert_allclose(images.load(rescued), PIXELS, atol=0.003)


def test_error_names_the_file_where_nothing_can_be_rescued(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    path = str(tmp_path / "gone" / "out.png")
    with pytest.raises(FileNotFoundError) as caught:
        output.Output(path=path, record=RECORD).save(PIXELS)
    assert caught.value.filename == path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_no_picture_is_lost_for_a_long_record(tmp_path, suffix, bit_depth):
    if bit_depth == 16:
        if suffix in (".jpg", ".webp"):
            pytest.skip("they have 8 bits")
        if suffix == ".tiff":
            pytest.importorskip("tifffile", reason="needs the extra `print`")
    path = tmp_path / f"out{suffix}"
    entry = {"name": 80 * "\N{CJK UNIFIED IDEOGRAPH-732B}", "sha256": 64 * "0"}
    inputs = {f"style {i}": entry for i in range(2000)}
    target = output.Output(
        path=str(path), record={**RECORD, "inputs": inputs}, bit_depth=bit_depth
    )
    for complete in (False, True):
        target.save(PIXELS, complete)
        record = provenance.read(path)
        assert record.get("left_out", []) == target.left_out
        assert record["notes"] == {"complete": complete}
    assert bool(target.left_out) == (suffix in (".jpg", ".png"))
    assert abs(images.load(path) - PIXELS).mean() < 0.05
