"""Sheets of pictures between styles: which shares each picture has."""

import re
from collections.abc import Iterator


def parse(text: str, styles: int) -> tuple[int, int]:
    """Rows and columns of a sheet.

    >>> parse("4x6", styles=2)
    (4, 6)

    Args:
        text: ROWSxCOLUMNS.
        styles: Their number, two or four.

    Raises:
        ValueError: The text is none of that kind, or the number is another.
    """
    found = re.fullmatch(r"(0*[1-9]\d*)x(0*[1-9]\d*)", text)
    if not found or styles not in (2, 4):
        raise ValueError(
            "`grid` must be ROWSxCOLUMNS, with two or four styles. Received: "
            f"grid={text!r} with {styles}"
        )
    return int(found[1]), int(found[2])


def shares(styles: int, rows: int, columns: int) -> Iterator[list[list[float]]]:
    """Shares of the styles for each picture, row by row.

    Four styles are at the corners; two at the first and the last picture,
    with all others between them.

    >>> [*shares(2, 1, 3)]
    [[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]]

    Args:
        styles: Two or four.
        rows: Of the sheet.
        columns: Of the sheet.
    """
    for i in range(rows):
        if styles == 2:
            last = max(rows * columns - 1, 1)
            places = [(i * columns + j) / last for j in range(columns)]
            yield [[1 - x, x] for x in places]
            continue
        down = i / max(rows - 1, 1)
        across = [j / max(columns - 1, 1) for j in range(columns)]
        yield [
            [(1 - down) * (1 - x), (1 - down) * x, down * (1 - x), down * x]
            for x in across
        ]
