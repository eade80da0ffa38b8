"""Whether a JPEG file without its end has all of its pixels.

A part of what cameras and disks lose is the end marker alone. Decoders do not
say what they filled in, so it is found out from the bytes.
"""

END = b"\xff\xd9"
# What no encoder writes after the pixels; without markers.
NOISE = bytes(range(254, 0, -1))

_SCAN = b"\xff\xda"
_COEFFICIENTS = 64  # Of a block of 8 by 8 pixels.


def has_all_scans(data: bytes, channels: int) -> bool:
    """Whether all coefficients come in a file, down to their last bits.

    A progressive file has them in several scans, each for some channels, a
    range of coefficients and a range of their bits.

    Args:
        data: The file; its last scan may be cut.
        channels: Number of them, 1 to 4.
    """
    at = _first_scan(data)
    complete = 0
    while at >= 0:
        count = data[at + 4]
        first, last, bits = data[at + 5 + 2 * count : at + 8 + 2 * count]
        if bits & 15 == 0:  # Number of the bits that come later.
            complete += count * (last - first + 1)
        at = data.find(_SCAN, at + 2)
    return complete == channels * _COEFFICIENTS


def _first_scan(data: bytes) -> int:
    # Segments before may hold a thumbnail, a file of its own.
    at = 2
    while data[at : at + 2] != _SCAN:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at
