"""The documentation: the site builds, links hold, every public name is there.

All pages are checked as the README is: their commands exist and have the flags.
The Python of guides is not run but checked by mypy, which sees the types of all
public names.
"""

import ast
import os
import pathlib
import re
import subprocess
import sys
import zlib

import pytest

import tfstyle
from documents import ROOT, fences, shell_problems
from tfstyle.controls.settings import Controls

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "*/README.md", "tfstyle/**/*.md")
    for path in ROOT.glob(pattern)
)
MODULES = {
    "features": "features/__init__.py",
    "images": "images/__init__.py",
    "losses": "losses/__init__.py",
    "regions": "controls/regions.py",
    "sweeps": "pipelines/sweeps.py",
}
FIELDS = {
    "tfstyle.controls.settings.Controls": Controls,
    "tfstyle.DreamConfig": tfstyle.DreamConfig,
    "tfstyle.GatysConfig": tfstyle.GatysConfig,
    "tfstyle.Progress": tfstyle.Progress,
    "tfstyle.VideoConfig": tfstyle.VideoConfig,
}


def build(config, folder):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"]
        + [f"--config-file={config}", f"--site-dir={folder}"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    process = build(ROOT / "mkdocs.yml", folder)
    assert process.returncode == 0, process.stderr
    return folder


@pytest.fixture(scope="module")
def documented(site):
    """Names in the reference; those without a docstring are not in it."""
    stored = (site / "objects.inv").read_bytes()
    body = zlib.decompress(stored.split(b"\n", 4)[4])
    return {line.split()[0] for line in body.decode().splitlines()}


def public_names(path):
    """Those in `__all__`, else the functions and classes of a module."""
    nodes = ast.parse(path.read_text()).body
    for node in nodes:
        if ast.unparse(node).startswith("__all__ ="):
            return ast.literal_eval(node.value)
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in nodes if isinstance(node, kinds)]
    return [name for name in names if not name.startswith("_")]


def test_the_design_lists_every_public_name():
    design = (ROOT / "docs" / "design.md").read_text()
    listed, _, _ = design.partition("\nPublic: ")[2].partition("All else is")
    names = {*re.findall(r"`(\w+)`", listed)}
    assert names == {*tfstyle.__all__, *MODULES}


def test_reference_has_every_public_name_with_a_docstring(documented):
    assert not {f"tfstyle.{name}" for name in tfstyle.__all__} - documented


@pytest.mark.parametrize("name", MODULES)
def test_reference_has_every_public_name_of_a_module(name, documented):
    names = public_names(ROOT / "tfstyle" / MODULES[name])
    assert names
    assert not {f"tfstyle.{name}.{n}" for n in names} - documented


@pytest.mark.parametrize("name", FIELDS)
def test_reference_has_every_field(name, site):
    page = (site / "reference" / "tfstyle" / "index.html").read_text()
    fields = FIELDS[name].__annotations__  # Without those inherited.
    assert not [f for f in fields if f'title="{name}.{f}"' not in page]


def test_pages_fetch_nothing_from_other_servers(site):
    loaded = re.compile(r"<(?:link|script|img|iframe)\b[^>]*https?://[^>]*>")
    for page in site.rglob("*.html"):
        assert not loaded.findall(page.read_text()), page


def test_lists_have_a_blank_line_before_them(site):
    # Browsers of repositories need none, the site does.
    swallowed = re.compile(r"<p>(?:(?!</p>).)*\n[*-] .*")
    for page in site.rglob("*.html"):
        assert not swallowed.findall(page.read_text()), page


def test_pictures_and_cards_beside_docs_are_in_the_site(site):
    assert (site / "examples" / "gallery.jpg").exists()
    card = site / "tfstyle" / "pretrained" / "vgg_distilled" / "index.html"
    assert card.exists()


def test_broken_links_fail(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(
        "[page](missing.md) ![picture](../lost.jpg) [part](#nowhere)\n"
    )
    config = tmp_path / "mkdocs.yml"
    config.write_text(
        f"INHERIT: {ROOT}/mkdocs.yml\n"
        f"hooks: [{ROOT}/docs/hooks.py]\n"
        "nav: [index.md]\n"
        "plugins: []\n"
    )
    process = build(config, tmp_path / "site")
    assert process.returncode != 0
    for link in ("missing.md", "../lost.jpg", "#nowhere"):
        assert f"'{link}'" in process.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path))
def test_commands_of_pages_exist(page):
    assert shell_problems((ROOT / page).read_text()) == []


def test_python_of_guides_has_the_right_types(tmp_path):
    for guide in GUIDES:
        for i, code in enumerate(fences(guide.read_text(), "python")):
            (tmp_path / f"{guide.stem}_{i}.py").write_text(code)
    files = sorted(map(os.fspath, tmp_path.glob("*.py")))
    assert len(files) >= len(GUIDES)
    process = subprocess.run(
        [sys.executable, "-m", "mypy", "--allow-untyped-defs", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stdout


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_files_that_guides_name_exist(guide):
    named = re.findall(r"`((?:tfstyle|tests)/[\w/.]*)`", guide.read_text())
    assert not [name for name in named if not pathlib.Path(ROOT, name).exists()]
