"""Encoded segments of a clip in a folder, from which a killed run goes on."""

import os
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from tfstyle.clips.movies import load_av
from tfstyle.runtime import files
from tfstyle.runtime.types import Path


def save(folder: Path, number: int, packets: list[Any]) -> None:
    """Writes the packets of a segment.

    Args:
        folder: Folder, which exists.
        number: Number of the segment, from 0.
        packets: Packets of one stream, an `av.Packet` each, in the order of
            their decoding.

    Raises:
        OSError: The file cannot be written.
    """
    data = [np.frombuffer(bytes(packet), np.uint8) for packet in packets]
    times = [(p.pts, p.dts, p.duration, p.is_keyframe) for p in packets]
    base = packets[0].time_base
    with files.atomic(_file(folder, number)) as file:
        np.savez(
            file,
            data=np.concatenate(data),
            sizes=np.array([part.size for part in data]),
            times=np.array(times, np.int64),
            base=np.array([base.numerator, base.denominator]),
        )


def load(folder: Path, number: int) -> Iterator[Any]:
    """Yields the packets of a segment, equal to those that were saved.

    Raises:
        ValueError: The file is missing or damaged.
    """
    av = load_av()
    path = _file(folder, number)
    try:
        with np.load(path, allow_pickle=False) as found:
            data, sizes, times, base = (
                found[name] for name in ("data", "sizes", "times", "base")
            )
    except Exception as error:  # zipfile, zlib and NumPy raise their own.
        raise ValueError(
            f"'{path}' is not a whole segment ({error}). Delete the folder to "
            "start from the beginning."
        ) from error
    ends = np.cumsum(sizes)[:-1]
    for part, row in zip(np.split(data, ends), times.tolist(), strict=True):
        packet = av.Packet(part.tobytes())
        packet.time_base = Fraction(*base.tolist())
        packet.pts, packet.dts, packet.duration = row[:3]
        packet.is_keyframe = bool(row[3])
        yield packet


def remove(folder: Path) -> None:
    """Deletes all segments of a folder."""
    for path in pathlib.Path(folder).glob("segment-*.npz"):
        path.unlink()


def _file(folder: Path, number: int) -> pathlib.Path:
    return pathlib.Path(os.fspath(folder), f"segment-{number:05d}.npz")
