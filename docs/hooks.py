"""Brings files beside docs/ into the site: pictures, cards, other READMEs.

Pages link to them by their place in the repository, such as
`../../examples/cat.jpg`, so that the links also work where the repository is
browsed. MkDocs knows only what is in docs/; these hooks add the files in
`OUTSIDE` and turn the links into those of the site. A link to another file of
the repository becomes its text; one to a file that does not exist is left, and
fails a strict build.
"""

import pathlib
import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = pathlib.Path(__file__).parents[1]
OUTSIDE = (
    "BUILD_NOTES.md",
    "CONTRIBUTING.md",
    "examples/*.jpg",
    "export/README.md",
    "serving/README.md",
    "tfstyle/pretrained/*.md",
)
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files in `OUTSIDE`, each at its place in the repository."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Turns links between files of the repository into those of the site."""
    places = {file.abs_src_path: file.src_uri for file in files}
    folder = pathlib.Path(page.file.abs_src_path).parent

    def replace(match: re.Match[str]) -> str:
        image, text, link, anchor = match.groups("")
        target = (folder / link).resolve()
        if str(target) in places:
            start = posixpath.dirname(page.file.src_uri)
            link = posixpath.relpath(places[str(target)], start)
            return f"{image}[{text}]({link}{anchor})"
        return text if target.exists() else match.group()

    return "".join(
        part if _FENCE.fullmatch(part) else _LINK.sub(replace, part)
        for part in _FENCE.split(markdown)
    )
