"""Plans how a picture is optimized: seen whole, or in tiles.

A plan is made before anything is computed, for all sizes of a run. It takes no
tiles while the picture fits in memory, else the largest tiles that do. If the
arrays of the whole picture leave room for small tiles only, or for none, they
are kept in files.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tfstyle.features import memory, tiles
from tfstyle.features.memory import Work
from tfstyle.pretrained import topology
from tfstyle.runtime import devices
from tfstyle.runtime.checks import units
from tfstyle.runtime.memory import limit_for
from tfstyle.runtime.types import Shape

# Larger tiles save little; between tiles Ctrl-C is noticed.
_LARGEST = 1536
# Smaller tiles are mostly halo: then arrays in files are the lesser evil.
_WIDE = 640


class Plan(NamedTuple):
    """How a picture is seen.

    Attributes:
        shape: Height and width of the picture at its last size.
        side: Longest side that the network sees at once; `None` for all.
        room: Memory that coarser sizes may take to be seen at once, in bytes;
            0 if the user chose the tiles.
        tiles: Height and width of the largest tile, and the number of tiles;
            `None` if the picture is seen at once.
        needed: Memory that the run will need, in bytes.
        filed: Size of arrays that are kept in files instead, in bytes.
    """

    shape: Shape
    side: int | None
    room: int
    tiles: tuple[Shape, int] | None
    needed: int
    filed: int = 0

    def __str__(self) -> str:
        height, width = self.shape
        if self.tiles is None:
            return f"{width}x{height} pixels at once, {units(self.needed)}"
        (rows, columns), count = self.tiles
        files = f" and {units(self.filed)} in files" if self.filed else ""
        return (
            f"{width}x{height} in {count} tiles of {columns}x{rows} pixels, "
            f"{units(self.needed)}{files}"
        )


def plan(
    shape: Shape,
    style_shapes: Sequence[Shape],
    contents: Iterable[str],
    styles: Iterable[str],
    work: Work,
    tile: int | None = None,
    limit: int | None = None,
) -> Plan:
    """Plans how a picture is seen.

    Args:
        shape: Height and width of the picture at its last size.
        style_shapes: Height and width of each style image at that size.
        contents: Layers whose maps are compared.
        styles: Layers whose statistics are compared.
        work: What is to be done.
        tile: Longest side that the network may see at once; `None` for what
            memory allows.
        limit: Most memory that the process may have, in bytes; `None` for what
            the system leaves. A GPU's memory has no such limit.

    Raises:
        ValueError: The network has no tiles of this side, or none at all.
        MemoryError: The picture does not fit; says what would help.
    """
    kept = list(contents)
    layers = [*kept, *styles]
    left = memory.left(limit)
    whole = memory.estimate(shape, style_shapes, work)
    size = functools.partial(memory.files, shape, kept, work.features)
    if tile is not None:
        check_tile(layers, work, tile)
        if tile >= tiles.whole_side(work.features, layers, shape):
            if whole <= left:
                return _plan(shape, layers, work, tile, 0, whole)
            memory.refuse(shape, whole, left, "Lower `tile` or `size`.")
        for filed in _filed():
            given = shape, style_shapes, kept, tile, work, filed
            needed = memory.estimate_tiled(*given)
            if needed <= left:
                found = _plan(shape, layers, work, tile, 0, needed)
                return found._replace(filed=size() if filed else 0)
        memory.refuse(shape, needed, left, "Lower `tile` or `size`.")
    if whole <= left:
        return Plan(shape, None, left, None, whole)
    if not _has_tiles(work):
        memory.check(shape, style_shapes, work, left)
    best: Plan | None = None
    for filed in _filed():
        whole = memory.arrays(shape, style_shapes, kept, work, filed)
        for side in _sides(shape, style_shapes, layers, work):
            given = shape, style_shapes, kept, side, work, filed
            needed = memory.estimate_tiled(*given)
            if needed <= left:
                plan = _plan(shape, layers, work, side, left - whole, needed)
                best = plan._replace(filed=size() if filed else 0)
                break
        if best and (best.side or 0) >= _WIDE:
            return best
    if best:
        return best
    more = "" if limit is None else _raised(needed)
    memory.refuse(
        shape, needed, left, f"No tiles are small enough: {more}lower `size`."
    )


def _raised(needed: int) -> str:
    """Returns the advice to raise `memory`, with what the process has."""
    if needed > memory.left():
        return ""
    tenths = math.ceil(limit_for(needed) / 1e8)
    return f"raise `memory` to {tenths / 10}GB or "


def _filed() -> list[bool]:
    """Returns whether arrays may be in files, in the order to try.

    The memory of a GPU does not hold these arrays anyway.
    """
    return [False] if devices.kind() == "GPU" else [False, True]


def check_tile(layers: Iterable[str], work: Work, tile: int) -> None:
    """Raises `ValueError` unless the work can be done in tiles of this side."""
    if not _has_tiles(work):
        raise ValueError(
            f"`tile` is for VGG networks. Received: features={work.features!r}"
        )
    tiles.check_side(work.features, layers, tile)


def halved(
    layers: Iterable[str], work: Work, shape: Shape, side: int | None
) -> int | None:
    """Returns the side of smaller tiles; `None` if there are none."""
    if not _has_tiles(work):
        return None
    layers = list(layers)
    step, least = tiles.sides(work.features, layers)
    before = side or tiles.whole_side(work.features, layers, shape)
    half = before // 2 // step * step
    return half if half >= least else None


def _has_tiles(work: Work) -> bool:
    return work.features in topology.VGG and work.optimizer == "adam"


def _sides(
    shape: Shape,
    style_shapes: Sequence[Shape],
    layers: Sequence[str],
    work: Work,
) -> range:
    """Returns the sides of tiles to try, from large to small."""
    step, least = tiles.sides(work.features, layers)
    longest = max(max(s) for s in (shape, *style_shapes))
    most = tiles.whole_side(work.features, layers, (longest, longest))
    first = min(most, _LARGEST) // step * step
    return range(max(first, least), least - 1, -step)


def _plan(
    shape: Shape,
    layers: Sequence[str],
    work: Work,
    side: int,
    room: int,
    needed: int,
) -> Plan:
    tiling = tiles.Tiling(work.features, layers, shape, side)
    several = len(tiling.tiles) > 1
    seen = (tiling.window, len(tiling.tiles)) if several else None
    return Plan(shape, side, room, seen, needed)
