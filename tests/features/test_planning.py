import re

import pytest

from tfstyle.features import memory, planning
from tfstyle.features.memory import Work
from tfstyle.runtime import checks
from tfstyle.runtime import memory as runtime_memory

CONTENT = "block4_conv2"
LAYERS = ["block1_conv1", "block5_conv1"]
STYLE = [(512, 512)]
GB = 10**9
USUAL = Work()


def leave(left, monkeypatch):
    monkeypatch.setattr(memory, "left", lambda *limit: left)


def plan(shape, *, work=USUAL, styles=STYLE, **limits):
    return planning.plan(shape, styles, [CONTENT], LAYERS, work, **limits)


def test_what_fits_is_seen_at_once(monkeypatch):
    leave(memory.estimate((600, 800), STYLE, Work()), monkeypatch)
    found = plan((600, 800))
    assert found.side is None and found.tiles is None
    assert str(found) == "800x600 pixels at once, 2.7 GB"


def test_what_does_not_fit_is_seen_in_the_largest_tiles_that_do(monkeypatch):
    leave(6 * GB, monkeypatch)
    found = plan((4000, 6000))
    assert found.needed <= 6 * GB
    given = (4000, 6000), STYLE, [CONTENT], found.side + 16, Work()
    assert memory.estimate_tiled(*given, filed=True) > 6 * GB
    (height, width), count = found.tiles
    assert max(height, width) <= found.side
    assert re.fullmatch(
        rf"6000x4000 in {count} tiles of {width}x{height} pixels, "
        r"[56]\.\d GB and 3\.3 GB in files",
        str(found),
    )


def test_tiles_are_not_larger_than_needed(monkeypatch):
    leave(40 * GB, monkeypatch)
    assert plan((8000, 8000)).side == 1536
    # The picture fits at once, a style image does not.
    leave(20 * GB, monkeypatch)
    found = plan((300, 300), styles=[(8000, 8000)])
    assert found.tiles is None and found.side == 1536


def test_the_process_gets_no_more_than_its_limit(monkeypatch):
    monkeypatch.setattr(runtime_memory, "_RUNS", runtime_memory._Runs())
    monkeypatch.setattr(runtime_memory, "available", lambda: 40 * GB)
    monkeypatch.setattr(runtime_memory, "resident", lambda: GB)
    free, limited = plan((4000, 6000)), plan((4000, 6000), limit=9 * GB)
    assert limited.side < free.side
    assert limited.needed < 8 * GB


def test_what_leaves_no_room_for_tiles_is_kept_in_files(monkeypatch):
    leave(10 * GB, monkeypatch)
    found = plan((6000, 9000))
    # Maps of 512 channels, in float32, for each eighth pixel of a side.
    assert found.filed == (104 + 32) * 54_000_000
    assert found.needed <= 10 * GB < found.needed + found.filed
    assert str(found).endswith("GB and 7.3 GB in files")
    leave(16 * GB, monkeypatch)
    assert not plan((6000, 9000)).filed
    monkeypatch.setattr(planning.devices, "kind", lambda: "GPU")
    leave(10 * GB, monkeypatch)
    with pytest.raises(MemoryError):
        plan((6000, 9000))


def test_files_are_better_than_tiles_that_are_mostly_halo(monkeypatch):
    thin = Work(features="vgg_distilled")
    leave(8.9 * GB, monkeypatch)
    found = plan((6000, 9000), work=thin)
    assert found.filed and found.side > 1000
    leave(9.3 * GB, monkeypatch)
    wide = plan((6000, 9000), work=thin)
    assert not wide.filed and 640 <= wide.side < 1000


def test_what_files_leave_in_memory_hardly_grows(monkeypatch):
    thin = Work(features="vgg_distilled")
    leave(4 * GB, monkeypatch)
    small, large = (
        plan((5000, 5000), work=thin),
        plan((10_000, 10_000), work=thin),
    )
    assert small.filed and large.filed == pytest.approx(4 * small.filed, 0.01)
    tiles = [
        memory.estimate((found.side, found.side), [(0, 0)], thin)
        for found in (small, large)
    ]
    beside = large.needed - tiles[1] - (small.needed - tiles[0])
    assert 0 < beside < 30 * (10_000**2 - 5000**2)


def test_tiles_that_are_asked_for_use_files_too(monkeypatch):
    leave(10 * GB, monkeypatch)
    found = plan((6000, 9000))
    same = plan((6000, 9000), tile=found.side)
    assert same.filed == found.filed and same.tiles == found.tiles


def test_what_does_not_fit_in_tiles_is_refused(monkeypatch):
    leave(2 * GB, monkeypatch)
    with pytest.raises(
        MemoryError, match=r"60000x40000 pixels needs.*2\.0 GB\..*lower `size`"
    ):
        plan((40_000, 60_000))


@pytest.mark.parametrize(
    "work", [Work(features="resnet50"), Work(optimizer="lbfgs")]
)
def test_what_has_no_tiles_must_fit_at_once(work, monkeypatch):
    leave(4 * GB, monkeypatch)
    with pytest.raises(MemoryError, match="The largest size that fits is"):
        plan((4000, 6000), work=work)


def test_a_tile_can_be_asked_for(monkeypatch):
    leave(20 * GB, monkeypatch)
    found = plan((600, 800), tile=320)
    assert found.side == 320 and found.tiles[1] > 1
    assert plan((200, 300), tile=320).tiles is None


def test_a_tile_that_does_not_suit_is_refused(monkeypatch):
    leave(20 * GB, monkeypatch)
    with pytest.raises(ValueError, match="multiple of 16.*tile=100"):
        plan((600, 800), tile=100)
    with pytest.raises(ValueError, match="VGG networks.*resnet50"):
        plan((600, 800), tile=320, work=Work(features="resnet50"))
    leave(GB, monkeypatch)
    with pytest.raises(MemoryError, match="Lower `tile` or `size`"):
        plan((6000, 8000), tile=1184)


def test_tiles_are_halved_as_long_as_they_have_a_core():
    sides = [None]
    while True:
        half = planning.halved(LAYERS, Work(), (1000, 1500), sides[-1])
        if half is None:
            break
        sides.append(half)
    assert sides[1:] == [752, 368]
    work = Work(features="resnet50")
    assert planning.halved(["conv4_block1_out"], work, (99, 99), None) is None


def test_the_memory_to_give_counts_what_the_process_has(monkeypatch):
    monkeypatch.setattr(runtime_memory, "available", lambda: 40 * GB)
    monkeypatch.setattr(runtime_memory, "resident", lambda: GB)
    monkeypatch.setattr(runtime_memory, "_RUNS", runtime_memory._Runs())
    with pytest.raises(MemoryError, match="raise `memory` to [0-9.]+GB") as low:
        plan((600, 800), limit=GB // 2)
    given = re.search(r"to ([0-9.]+GB)", str(low.value))[1]
    assert plan((600, 800), limit=checks.amount(given)).tiles
    # More is of no use where the system has no more.
    monkeypatch.setattr(runtime_memory, "available", lambda: GB // 4)
    with pytest.raises(MemoryError, match="small enough: lower `size`"):
        plan((600, 800), limit=GB // 2)
