"""Contact sheets: pictures side by side on white, to compare by eye."""

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from tfstyle.images import srgb
from tfstyle.images.conversion import ImageLike, to_image
from tfstyle.images.encoding import check_format
from tfstyle.images.sizes import resize
from tfstyle.runtime import host_memory
from tfstyle.runtime.types import Path

_GAP = 8  # Pixels around each picture.
_LINE = 22  # Height of a line of text, in pixels.
_LONGEST = 160  # Maximum width of the texts beside rows, in pixels.
_EMPTY = 0.9  # Gray value of boxes without a picture.
MARGIN = _LONGEST + _LINE + 2 * _GAP
"""Most pixels that the labels of a sheet take beside or above."""
# Bytes per pixel: pictures, their copies on the sheet, and the sheet.
_SHEET = 64


class Labels(NamedTuple):
    """Labels of the rows or columns of a sheet.

    Attributes:
        title: Title above the columns, or beside the rows.
        texts: Label of each column or row.
    """

    title: str
    texts: Sequence[str]


def check_sheet(
    path: Path,
    shape: tuple[int, int],
    rows: int,
    columns: int,
    margin: int = 0,
) -> None:
    """Raises an error if a contact sheet would be too large.

    Args:
        path: File to write it to.
        shape: Maximum height and width of its images, in pixels.
        rows: Number of rows.
        columns: Number of columns.
        margin: Pixels for labels above and beside; see `MARGIN`.

    Raises:
        ValueError: The format of the file has a smaller longest side.
        MemoryError: It does not fit in memory; names the memory that it needs.
    """
    count, (height, width) = rows * columns, shape
    sides = rows * (height + _GAP), columns * (width + _GAP)
    check_format(path, longest=max(sides) + _GAP + margin)
    host_memory.check(
        f"A sheet of {columns}x{rows} pictures", _SHEET * count * height * width
    )


def contact_sheet(
    rows: Sequence[Sequence[ImageLike]],
    height: int = 256,
) -> np.ndarray:
    """Places images side by side on white, to compare by eye.

    Args:
        rows: Images, see `tfstyle.images.conversion`; rows may differ in
            length.
        height: Height of each image on the sheet, in pixels; the aspect stays.

    Returns:
        Array of shape `(sheet height, sheet width, 3)`, float32, in [0, 1].

    Raises:
        ValueError: There are no images, or one of them is none.
    """
    shape = [len(row) for row in rows]
    if not any(shape):
        raise ValueError("A contact sheet needs at least one image.")
    cells = [[_at_height(image, height) for image in row] for row in rows]
    # Columns are aligned, although their images may differ in width.
    columns = range(max(shape))
    widths = [
        max(row[i].shape[1] for row in cells if i < len(row)) for i in columns
    ]
    step = height + _GAP
    sheet = PIL.Image.new(
        "RGB",
        (sum(widths) + _GAP * (len(widths) + 1), step * len(rows) + _GAP),
        "white",
    )
    for j, row in enumerate(cells):
        for i, cell in enumerate(row):
            place = (sum(widths[:i]) + _GAP * (i + 1), step * j + _GAP)
            sheet.paste(_to_image(cell), place)
    return srgb.unit(sheet)


def show(*pictures: ImageLike, height: int = 320) -> PIL.Image.Image:
    """Returns pictures side by side, as an image that notebooks display.

    Args:
        *pictures: Images, see `tfstyle.images.conversion`.
        height: Height of each, in pixels; the aspect stays.

    Raises:
        ValueError: There are no pictures, or one of them is not an image.

    Examples:
        >>> show(np.zeros((4, 6, 3)), np.ones((8, 6, 3)), height=8).size
        (42, 24)
    """
    row = [to_image(picture) for picture in pictures]
    return _to_image(contact_sheet([row], height))


def labeled(
    rows: Sequence[Sequence[np.ndarray]],
    columns: Labels,
    sides: Labels | None = None,
) -> np.ndarray:
    """Makes a contact sheet with names and values on its margins.

    Args:
        rows: Images of one shape, `(height, width, 3)`, in [0, 1].
        columns: Labels above the columns.
        sides: Labels beside the rows.

    Returns:
        Array of shape `(sheet height, sheet width, 3)`, float32, in [0, 1].
    """
    height, width = rows[0][0].shape[:2]
    body = contact_sheet(rows, height)
    top = 2 * _LINE
    left = 0 if sides is None else _width(sides) + _LINE + _GAP
    page = PIL.Image.new(
        "RGB", (left + body.shape[1], top + body.shape[0]), "white"
    )
    page.paste(_to_image(body), (left, top))
    middle = left + body.shape[1] // 2
    _write(page, columns.title, (middle, _LINE // 2), body.shape[1])
    for i, text in enumerate(columns.texts):
        x = left + _GAP + i * (width + _GAP) + width // 2
        _write(page, text, (x, _LINE * 3 // 2), width)
    if sides is not None:
        _write_rows(page, sides, top, height, left)
    return srgb.unit(page)


def boxed(cell: np.ndarray | str, height: int, width: int) -> np.ndarray:
    """Places a picture in the middle of a white box, or a text on a gray one.

    Args:
        cell: Picture, array of at most `(height, width, 3)`; or a text.
        height: Height of the box, in pixels.
        width: Width of the box, in pixels.
    """
    if isinstance(cell, str):
        gray = np.full((height, width, 3), _EMPTY, np.float32)
        page = _to_image(gray)
        _write(page, cell, (width // 2, height // 2), width)
        return srgb.unit(page)
    box = np.ones((height, width, 3), np.float32)
    y, x = (height - cell.shape[0]) // 2, (width - cell.shape[1]) // 2
    box[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return box


def _at_height(image: ImageLike, height: int) -> np.ndarray:
    image = to_image(image)
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return resize(image, height, width)


def _write_rows(
    page: PIL.Image.Image, rows: Labels, top: int, height: int, left: int
) -> None:
    """Writes the title of the rows, upwards, and their labels."""
    side = page.height - top
    name = PIL.Image.new("RGB", (side, _LINE), "white")
    _write(name, rows.title, (side // 2, _LINE // 2), side)
    page.paste(name.transpose(PIL.Image.Transpose.ROTATE_90), (0, top))
    for i, text in enumerate(rows.texts):
        y = top + _GAP + i * (height + _GAP) + height // 2
        x = (_LINE + left) // 2
        _write(page, text, (x, y), left - _LINE)


def _to_image(pixels: np.ndarray) -> PIL.Image.Image:
    return PIL.Image.fromarray(np.rint(255 * pixels).astype(np.uint8))


def _font() -> Any:
    return PIL.ImageFont.load_default(size=0.7 * _LINE)


def _ascii(text: str) -> str:
    """Replaces letters that the font lacks, by those without accents."""
    parts = unicodedata.normalize("NFKD", text)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return plain.encode("ascii", "replace").decode()


def _width(labels: Labels) -> int:
    """Width of the longest label, in pixels; at most `_LONGEST`."""
    widest = max(_font().getlength(_ascii(text)) for text in labels.texts)
    return min(round(widest), _LONGEST) + _GAP


def _write(
    page: PIL.Image.Image, text: str, middle: tuple[int, int], width: int
) -> None:
    """Writes black text centered at `middle`, cut to `width`."""
    text = _ascii(text)
    while _font().getlength(text) > width and len(text) > 1:
        text = text[:-2] + "…"
    draw = PIL.ImageDraw.Draw(page)
    draw.text(middle, text, fill="black", font=_font(), anchor="mm")
