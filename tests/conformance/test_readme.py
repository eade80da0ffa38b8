"""Every fence of the README: programs, flags and targets exist, Python runs.

A fence marked `sh` is read, not run: each `python -m tfstyle.X` must be a
program that knows the flags, each `make X` a target, each `tfstyle[X]` an
extra. A fence marked `python` is run alone, in a folder with tiny images of
the names in it, random VGG16 weights in the cache, and large numbers made
small: it says that the calls are right, not that the pictures are good.
"""

import ast
import hashlib
import os
import pathlib
import subprocess
import sys

import pytest

import helpers
import tfstyle
from documents import LINK, ROOT, fences, shell_problems
from tfstyle import images
from tfstyle.pretrained import weights

TEXT = (ROOT / "README.md").read_text()
TINY = 64  # Pixels; larger numbers in a fence become this one.
# Runs fences whose flags and files are real but small. The cache is real too:
# only the hash that its file must have is that of the random one.
RUNNER = """
import dataclasses, pathlib, sys
import tfstyle
from tfstyle.pretrained import weights
digest, *fences = sys.argv[1:]
weights.FILES["vgg16"] = dataclasses.replace(
    weights.FILES["vgg16"], digest=digest
)
tfstyle.GatysConfig.__init__.__kwdefaults__.update(size=64, steps=1)
dream = tfstyle.DreamConfig.__init__.__kwdefaults__
dream.update(size=64, steps=1, octaves=1)
for fence in fences:
    code = compile(pathlib.Path(fence).read_text(), fence, "exec")
    exec(code, {"__name__": "__main__"})
"""


class Shrink(ast.NodeTransformer):
    """Makes large whole numbers small, and collects the files named."""

    def __init__(self):
        self.files = set()

    def visit_Constant(self, node):  # noqa: N802 (the name that ast calls)
        value = node.value
        if type(value) is int and value > TINY:
            return ast.copy_location(ast.Constant(TINY), node)
        suffix = pathlib.PurePath(value).suffix if type(value) is str else ""
        if suffix in (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"):
            self.files.add(value)
        return node


def prepare(code, folder):
    """Writes the shrunk fence and the images it names; returns its path."""
    shrink = Shrink()
    tree = shrink.visit(ast.parse(code))
    for seed, name in enumerate(sorted(shrink.files)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save(path, helpers.image(40, 48 + 8 * seed, seed))
    digest = hashlib.sha256(code.encode()).hexdigest()
    path = folder / f"fence_{digest[:8]}.py"
    path.write_text(ast.unparse(tree))
    return path


def run_python(text, folder):
    """Runs the python fences of `text`, each alone, in one process."""
    paths = [prepare(code, folder) for code in fences(text, "python")]
    cached = folder / "cache" / weights.FILES["vgg16"].filename
    cached.parent.mkdir()
    helpers.vgg_weights(cached)
    digest = "md5:" + hashlib.md5(cached.read_bytes()).hexdigest()
    return subprocess.run(
        [sys.executable, "-c", RUNNER, digest, *map(os.fspath, paths)],
        cwd=folder,
        env={**os.environ, "TFSTYLE_HOME": os.fspath(cached.parent)},
        capture_output=True,
        text=True,
    )


def test_commands_of_the_readme_exist():
    assert shell_problems(TEXT) == []


def test_python_of_the_readme_runs(tmp_path):
    process = run_python(TEXT, tmp_path)
    assert process.returncode == 0, process.stderr


def test_links_of_the_readme_lead_somewhere():
    found = {first or second for first, second in LINK.findall(TEXT)}
    local = {link.split("#")[0] for link in found if "://" not in link} - {""}
    assert not [link for link in local if not (ROOT / link).exists()]


def test_readme_names_every_public_name():
    assert not [name for name in tfstyle.__all__ if name not in TEXT]


def sh(code):
    return f"Text.\n\n```sh\n{code}\n```\n"


@pytest.mark.parametrize(
    "code",
    [
        "make demo",
        "make test PYTHON=python3.12",
        "pip install '.[print]' && python -m pip list",
        "python -m tfstyle.optimize --content=a.jpg \\\n    --style=b.jpg",
        "TFSTYLE_OFFLINE=1 python -m tfstyle.optimize --helpfull | less",
    ],
)
def test_right_commands_pass(code):
    assert shell_problems(sh(code)) == []


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("make coffee", "the Makefile has no target coffee"),
        ("pip install 'tfstyle[gold]'", "setup.cfg has no extra gold"),
        ("python -m tfstyle.paint", "there is no program tfstyle.paint"),
        (
            "python -m tfstyle.optimize --content=a.jpg \\\n  --pace=slow",
            "tfstyle.optimize has no flag --pace",
        ),
        (
            "make demo && python -m tfstyle.bench --wat=gatys",
            "tfstyle.bench has no flag --wat",
        ),
    ],
)
def test_wrong_commands_are_found(code, problem):
    (found,) = shell_problems(sh(code))
    assert found.startswith(problem)


def test_python_fences_find_their_images_and_run_small(tmp_path):
    code = (
        "from tfstyle import images\n"
        'picture = images.load("shots/dog.jpg", 512)\n'
        'images.save("copy.png", picture)\n'
    )
    process = run_python(f"```python\n{code}```\n", tmp_path)
    assert process.returncode == 0, process.stderr
    assert images.load(tmp_path / "copy.png").shape[1] == TINY


def test_python_fences_that_fail_are_found(tmp_path):
    text = "```python\nimport tfstyle\ntfstyle.stylise\n```\n"
    assert "no attribute 'stylise'" in run_python(text, tmp_path).stderr
