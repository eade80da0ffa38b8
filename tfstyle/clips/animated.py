"""What FFmpeg leaves out when it writes animated GIF and WebP."""

from typing import Any

import numpy as np
import PIL.Image

_REPLACE = 2  # Flag of a frame of WebP: it is not blended over the last one.


def palette(av: Any, samples: np.ndarray) -> Any:
    """Makes a frame of at most 256 colors, its own.

    Args:
        av: PyAV.
        samples: Array `(height, width, 3 or 4)` of bytes.
    """
    methods = PIL.Image.Quantize
    method = methods.FASTOCTREE if samples.shape[-1] == 4 else methods.MEDIANCUT
    few = PIL.Image.fromarray(samples).quantize(256, method)
    colors = np.array(few.getpalette("RGBA"), np.uint8).reshape(-1, 4)
    table = np.zeros((256, 4), np.uint8)
    table[: len(colors)] = colors[:, [3, 0, 1, 2]]
    return av.VideoFrame.from_ndarray((np.asarray(few), table), "pal8")


def without_header(av: Any, packet: Any) -> Any:
    """Drops the header of a GIF file, which each encoder writes."""
    data = bytes(packet)
    if not data.startswith(b"GIF8"):
        return packet
    table = 3 << (data[10] & 7) + 1 if data[10] & 128 else 0
    made = av.Packet(data[13 + table :])
    made.pts, made.dts, made.time_base = (
        packet.pts,
        packet.dts,
        packet.time_base,
    )
    made.duration, made.is_keyframe = packet.duration, True
    return made


def replace_frames(file: Any) -> None:
    """Changes a WebP file so that its frames replace those before.

    FFmpeg blends them: what moves before a transparent ground leaves a trail.
    """
    place = 12  # After the header of RIFF.
    while True:
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            return
        if header[:4] == b"ANMF":
            file.seek(place + 23)  # After place, size and time.
            file.write(bytes([_REPLACE]))
        size = int.from_bytes(header[4:], "little")
        place += 8 + size + size % 2
