"""Tells whether a JPEG file without its end marker has all of its pixels.

Some truncated files lack the end marker alone. Decoders do not tell which
pixels they filled in, so this module examines the bytes.
"""

END = b"\xff\xd9"
# Bytes without markers that no encoder writes after the pixels.
NOISE = bytes(range(254, 0, -1))

_SCAN = b"\xff\xda"
_FILL = b"\xff\xff"  # A marker may follow after any number of bytes 255.
_COEFFICIENTS = 64  # Per block of 8 by 8 pixels.


def has_all_scans(data: bytes, channels: int) -> bool:
    """Whether a file holds all bits of all coefficients.

    A progressive file has several scans, each for some channels, a range of
    coefficients and a range of their bits.

    Args:
        data: Content of the file; its last scan may be cut off.
        channels: Number of channels, from 1 to 4.

    Raises:
        ValueError: There is no scan.
    """
    at = _first_scan(data)
    complete = 0
    while at >= 0:
        count = data[at + 4]
        first, last, bits = data[at + 5 + 2 * count : at + 8 + 2 * count]
        if bits & 15 == 0:  # Number of bits that later scans hold.
            complete += count * (last - first + 1)
        at = data.find(_SCAN, at + 2)
    return complete == channels * _COEFFICIENTS


def _first_scan(data: bytes) -> int:
    # Earlier segments may hold a thumbnail, which is a JPEG file, too.
    at = 2
    while (marker := data[at : at + 2]) != _SCAN:
        if not marker:
            raise ValueError("The file ends before its first scan.")
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        at += 1 if marker == _FILL else length
    return at
