"""A page of HTML in one file that needs no other, as `report` writes it.

Parts are strings of HTML; whatever comes from outside, names of files among
it, is escaped here.
"""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from tfstyle import images

# Nothing is fetched from anywhere, whatever the page holds.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_CSS = """
:root { color-scheme: light dark; --faint: #8886; --mark: #d9730d; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem;
  max-width: 68rem; }
h1 { margin: 0; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 0.75rem; border-bottom: 1px solid var(--faint); }
h3 { margin: 1rem 0 0.25rem; font-size: 1rem; }
p { margin: 0.5rem 0; }
.note { border-left: 4px solid var(--mark); padding-left: 0.75rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; }
figure { margin: 0; }
figcaption { font-size: 0.875rem; overflow-wrap: anywhere; }
img { display: block; max-width: 100%; height: auto; }
.large { flex: 1 1 24rem; }
.large img { width: 100%; }
.inputs { flex: 1 1 12rem; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); }
.thumbnails { display: grid; grid-template-columns: repeat(4, minmax(0, 16rem));
  gap: 0.75rem; }
.thumbnails img { width: 100%; }
@media (max-width: 40rem) {
  .thumbnails { grid-template-columns: repeat(2, minmax(0, 16rem)); }
}
.wide { overflow-x: auto; }
.wide svg { display: block; width: 100%; min-width: 34rem; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem;
  margin: 0.5rem 0; padding: 0; list-style: none; font-size: 0.875rem; }
.legend span { display: inline-block; width: 1rem; height: 0.25rem;
  margin-right: 0.4rem; vertical-align: middle; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 1rem 0.2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--faint); }
.numbers td { text-align: right; }
.numbers th:not(:first-child) { text-align: right; }
tr.changed th, tr.changed td { font-weight: 600; color: var(--mark); }
tbody th { font-weight: normal; }
.digests td:last-child { font-family: monospace; font-size: 0.8rem;
  overflow-wrap: anywhere; min-width: 12rem; }
pre { padding: 0.75rem; border: 1px solid var(--faint); white-space: pre-wrap;
  overflow-wrap: anywhere; }
"""


class Image(NamedTuple):
    """A picture of the page.

    Attributes:
        jpeg: Its file.
        height: In pixels.
        width: In pixels.
        caption: What it is, below it and for who cannot see it.
    """

    jpeg: bytes
    height: int
    width: int
    caption: str


def image(pixels: np.ndarray, longest: int, caption: str) -> Image:
    """A picture of the page, no larger than it needs to be.

    Args:
        pixels: Array of shape `(height, width, 3)`, RGB in [0, 1].
        longest: Its longer side becomes that at most.
        caption: What it is.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > longest:
        height, width = images.fit(height, width, longest)
        pixels = images.resize(pixels, height, width)
    samples = np.rint(255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(samples).save(file, "JPEG", quality=88)
    return Image(file.getvalue(), height, width, caption)


def page(title: str, parts: Sequence[str]) -> str:
    """The whole page."""
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n"
        f"</head>\n<body>\n<h1>{html.escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
    # Names of files need not be text.
    return text.encode("utf-8", "backslashreplace").decode()


def section(title: str, *parts: str) -> str:
    """Parts below a title."""
    return f"<section>\n<h2>{html.escape(title)}</h2>\n" + "\n".join(
        [*parts, "</section>"]
    )


def heading(text: str) -> str:
    """A title within a section."""
    return f"<h3>{html.escape(text)}</h3>"


def paragraph(text: str, kind: str = "") -> str:
    """Text; of the kind `"note"` it stands out."""
    opening = f'<p class="{kind}">' if kind else "<p>"
    return f"{opening}{html.escape(text)}</p>"


def details(title: str, part: str) -> str:
    """A part that is shown when it is asked for."""
    summary = f"<summary>{html.escape(title)}</summary>"
    return f"<details>{summary}{part}</details>"


def code(text: str) -> str:
    """Something to copy."""
    return f"<pre><code>{html.escape(text)}</code></pre>"


def opening(result: Image | None, inputs: Sequence[Image]) -> str:
    """The result, large, and beside it what it was made from."""
    large = f'<div class="large">{_figure(result)}</div>' if result else ""
    small = "".join(map(_figure, inputs))
    return (
        f'<div class="pictures">{large}<div class="inputs">{small}</div></div>'
    )


def thumbnails(images: Sequence[Image]) -> str:
    """Small pictures, side by side."""
    figures = "".join(map(_figure, images))
    return f'<div class="thumbnails">{figures}</div>'


def chart(svg: str, colours: Mapping[str, str]) -> str:
    """A chart and what its colours mean."""
    items = "".join(
        f'<li><span style="background: {colour}"></span>'
        f"{html.escape(name)}</li>"
        for name, colour in colours.items()
    )
    return f'<div class="wide">{svg}</div>\n<ul class="legend">{items}</ul>'


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    kind: str = "",
    changed: Sequence[str] = (),
) -> str:
    """Rows of text.

    Args:
        header: Titles of the columns.
        rows: Text; the first column names the row.
        kind: `"numbers"` for columns of numbers, `"digests"` where the last
            one has long names of files.
        changed: Names of rows that stand out.
    """
    titles = "".join(
        f'<th scope="col">{html.escape(name)}</th>' for name in header
    )
    body = "\n".join(_row(row, row[0] in changed) for row in rows)
    return (
        f'<div class="wide"><table class="{kind}">\n<thead><tr>{titles}</tr>'
        f"</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(cells: Sequence[str], changed: bool) -> str:
    name, *others = map(html.escape, cells)
    kind = ' class="changed"' if changed else ""
    columns = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr{kind}><th scope="row">{name}</th>{columns}</tr>'


def _figure(image: Image) -> str:
    caption = html.escape(image.caption)
    data = base64.b64encode(image.jpeg).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{caption}" '
        f'width="{image.width}" height="{image.height}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )
