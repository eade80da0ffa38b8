"""Sheets of pictures that go from style to style: the mix of each picture."""

import re
from collections.abc import Iterator


def parse(text: str, styles: int) -> tuple[int, int]:
    """Parses the size of a sheet, such as "4x6".

    >>> parse("4x6", styles=2)
    (4, 6)

    Args:
        text: Rows and columns, as ROWSxCOLUMNS.
        styles: Number of styles, two or four.

    Returns:
        Number of rows and number of columns.

    Raises:
        ValueError: The text has another form, or the number of styles is
            neither two nor four.
    """
    found = re.fullmatch(r"(0*[1-9]\d*)x(0*[1-9]\d*)", text)
    if not found or styles not in (2, 4):
        raise ValueError(
            "`grid` must be ROWSxCOLUMNS, with two or four styles. Received: "
            f"grid={text!r} with {styles} styles"
        )
    return int(found[1]), int(found[2])


def shares(styles: int, rows: int, columns: int) -> Iterator[list[list[float]]]:
    """Yields the shares of the styles in each picture of a sheet, row by row.

    Four styles stand at the four corners; two styles are the first and the
    last picture.

    >>> [*shares(2, 1, 3)]
    [[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]]

    Args:
        styles: Number of styles, two or four.
        rows: Number of rows.
        columns: Number of columns.
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
