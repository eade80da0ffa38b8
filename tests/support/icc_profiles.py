"""ICC profiles, tag by tag."""

import struct

D50 = (0.9642, 1.0, 0.8249)


def fixed(values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def gamma(exponent):
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256))


def icc(space, connection, tags):
    """An ICC profile of version 2, from its tags."""
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI", start + len(body), b"", 0x02400000)
    header += b"mntr" + space + connection
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp"
    header = header.ljust(68, b"\0") + fixed(D50)
    return (
        header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
    )


def grey_profile(exponent):
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(D50), b"kTRC": gamma(exponent)}
    return icc(b"GRAY", b"XYZ ", tags)
