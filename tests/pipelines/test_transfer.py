import numpy as np
import pytest

import helpers
from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.adain.stylizers import ControlledStylizer, Style
from tfstyle.images import folders, provenance
from tfstyle.pipelines import transfer, transfer_files
from tfstyle.worklists import painting
from tfstyle.worklists.rows import Row
from tfstyle.worklists.storage import InPlace

RECORD = provenance.describe({"strength": 1.0}, {}, {"model": "ab"})
STYLES = [np.full((20, 20, 3), value, np.float32) for value in (0.25, 0.75)]


class Mean:
    """Stylizes by the mean of the styles; counts what it embeds."""

    def __init__(self):
        self.embedded = 0

    def check(self, styles, controls=None, regions=None):
        if not styles:
            raise ValueError("no style")

    def embed(self, styles, controls=None, regions=None):
        self.check(styles)
        self.embedded += 1
        return Style(np.mean([image.mean() for image in styles]), regions)

    def stylize(self, photo, style, strength=1.0):
        if photo.shape[0] == 17:
            raise ValueError("17 rows")
        return np.full_like(photo, style.embedding)


@pytest.fixture
def items(tmp_path):
    made = []
    for i in range(3):
        path = tmp_path / f"{i}.png"
        images.save(path, helpers.image(40, 52, i))
        made.append(folders.Item(path, tmp_path / "made" / path.name))
    return made


def run(inputs=None, record=RECORD, styles=STYLES, config=None):
    files = transfer_files.Files(
        config=config or TransferConfig(),
        inputs=inputs or {"style 1": "a.png", "style 2": "b.png"},
        styles=styles,
        read=images.read,
        quality=95,
        rescue=False,
    )
    stylizer = Mean()
    controlled = ControlledStylizer(stylizer)
    return transfer.Transfer(files, controlled, record), files, stylizer


def test_one_photograph(items):
    made, files, stylizer = run()
    pixels = made.one(files.photograph(items[0]))
    np.testing.assert_allclose(pixels, 0.5, atol=1e-6)
    written = images.load(items[0].output)
    np.testing.assert_allclose(written, pixels, atol=1 / 255)
    assert stylizer.embedded == 1 and made.left_out == []


def outcomes(items, **changes):
    made, _, stylizer = run(**changes)
    rows = [Row(str(item.content), str(item.output)) for item in items]
    found = [*painting.paint(rows, lambda row: made, InPlace())]
    assert [entry.content for entry in found] == [row.content for row in rows]
    return [entry.status for entry in found], stylizer.embedded


PAINTED, THERE = ["painted"] * 3, ["there"] * 3


def test_several_embed_once_and_are_done_until_something_changes(items):
    assert outcomes(items) == (PAINTED, 1)
    assert outcomes(items) == (THERE, 1)
    other = provenance.describe({"strength": 0.5}, {}, {"model": "ab"})
    assert outcomes(items, record=other) == (PAINTED, 1)
    images.save(items[1].content, helpers.image(40, 52, 9))
    statuses, _ = outcomes(items, record=other)
    assert statuses == ["there", "painted", "there"]


def test_what_cannot_be_read_or_made_is_told_and_the_rest_is_made(items):
    items[0].content.write_bytes(b"no image")
    images.save(items[2].content, helpers.image(17, 52))
    assert outcomes(items) == (["failed", "painted", "failed"], 1)
    assert [item.output.exists() for item in items] == [False, True, False]


def test_regions_are_embedded_for_each_photograph(items, tmp_path):
    mask, left = tmp_path / "mask.png", np.zeros((40, 52, 3), np.float32)
    left[:, :26] = 1
    images.save(mask, left)
    inputs = {"style 1": "a.png", "keep_mask": str(mask)}
    assert outcomes(items, inputs=inputs) == (PAINTED, 3)
    for item in items:
        kept, photo = images.load(item.output), images.load(item.content)
        np.testing.assert_array_equal(kept[:, :26], photo[:, :26])
        np.testing.assert_allclose(kept[:, 26:], 0.5, atol=1 / 255)


def test_styles_that_the_model_refuses_end_the_run():
    with pytest.raises(ValueError, match="no style"):
        run(styles=[])


def test_a_sheet_goes_from_style_to_style(items):
    _, files, stylizer = run()
    controlled = ControlledStylizer(stylizer)
    stylizer.embedded = 0
    photograph = files.photograph(items[0])
    sheet = transfer.sheet(files, controlled, photograph, (1, 3))
    assert stylizer.embedded == 2
    assert sheet.shape == (40 + 2 * 8, 3 * 52 + 4 * 8, 3)
    cells = [sheet[20, 20 + 60 * i, 0] for i in range(3)]
    np.testing.assert_allclose(cells, [0.25, 0.5, 0.75], atol=1 / 255)
