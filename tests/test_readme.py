"""Every fence of the README: programs, flags and targets exist, Python runs.

A fence marked `sh` is read, not run: each `python -m tfstyle.X` must be a
program that knows the flags, each `make X` a target, each `tfstyle[X]` an
extra. A fence marked `python` is run alone, in a folder with tiny images of
the names in it, random VGG16 weights in the cache, and large numbers made
small: it says that the calls are right, not that the pictures are good.
"""

import ast
import configparser
import functools
import hashlib
import importlib.util
import os
import pathlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import helpers
import tfstyle
from tfstyle import images
from tfstyle.pretrained import weights

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
OURS = ("tfstyle.", "export.", "serving.")
TINY = 64  # Pixels; larger numbers in a fence become this one.
# Runs fences whose flags and files are real but small. The cache is real too:
# only the hash that its file must have is that of the random one.
RUNNER = """
import dataclasses, pathlib, sys
from tfstyle.optimization import config
from tfstyle.optimization import dream_config
from tfstyle.pretrained import weights
digest, *fences = sys.argv[1:]
weights.FILES["vgg16"] = dataclasses.replace(
    weights.FILES["vgg16"], digest=digest
)
config.GatysConfig.__init__.__kwdefaults__.update(size=64, steps=1)
dream = dream_config.DreamConfig.__init__.__kwdefaults__
dream.update(size=64, steps=1, octaves=1)
for fence in fences:
    code = compile(pathlib.Path(fence).read_text(), fence, "exec")
    exec(code, {"__name__": "__main__"})
"""


def fences(text, language):
    return [code for name, code in FENCE.findall(text) if name == language]


def commands(code):
    """The words of each command; `&&`, `|` and new lines end one."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = []
        for word in lexer:
            if set(word) <= set("&|;"):
                yield words
                words = []
            else:
                words.append(word)
        if words:
            yield words


@functools.cache
def known_flags(module):
    """Names of the flags of a program; None if there is no such module."""
    if importlib.util.find_spec(module) is None:
        return None
    process = subprocess.run(
        [sys.executable, "-m", module, "--helpxml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    tree = xml.etree.ElementTree.fromstring(process.stdout)
    return {flag.findtext("name") for flag in tree.iter("flag")}


def program_problems(words):
    """What is wrong with `[..., "-m", "tfstyle.X", "--flag=value", ...]`."""
    if "-m" not in words:
        return
    module, *arguments = words[words.index("-m") + 1 :]
    if not module.startswith(OURS):
        return
    flags = known_flags(module)
    if flags is None:
        yield f"there is no program {module}"
        return
    for word in arguments:
        name = word.removeprefix("--").split("=")[0]
        known = name in flags or name.removeprefix("no") in flags
        if word.startswith("--") and not known:
            yield f"{module} has no flag --{name}"


def make_problems(words):
    if words[0] != "make":
        return
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z]\w*):", makefile, re.MULTILINE)
    for word in words[1:]:
        if "=" not in word and word not in targets:
            yield f"the Makefile has no target {word}"


def extra_problems(words):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = set(config["options.extras_require"])
    for named in re.findall(r"(?:tfstyle|\.)\[([\w,]+)\]", " ".join(words)):
        for extra in set(named.split(",")) - extras:
            yield f"setup.cfg has no extra {extra}"


def shell_problems(text):
    return [
        f"{problem}: {shlex.join(words)}"
        for code in fences(text, "sh")
        for words in commands(code)
        for check in (program_problems, make_problems, extra_problems)
        for problem in check(words)
    ]


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
