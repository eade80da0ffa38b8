"""The wheel: what is in it, and that it works where the checkout is not."""

import ast
import configparser
import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

import helpers
import programs
import tfstyle

ROOT = pathlib.Path(__file__).parents[2]
# What is beside the packages and has flags.
PROGRAMS = sorted(
    path.stem
    for path in (ROOT / "tfstyle").glob("[!_]*.py")
    if "flags.DEFINE" in path.read_text()
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree, with one more file among the weights."""
    source = tmp_path_factory.mktemp("source")
    # A copy: building writes beside what it builds.
    shutil.copytree(
        ROOT / "tfstyle",
        source / "tfstyle",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg"):
        shutil.copy(ROOT / name, source)
    (source / "tests").mkdir()
    (source / "tests" / "__init__.py").touch()
    (source / "tfstyle" / "pretrained").mkdir(exist_ok=True)
    (source / "tfstyle" / "pretrained" / "probe.npz").write_bytes(b"weights")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", source, "--no-build-isolation", "--wheel-dir", folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", wheel, "--target", folder)
    return folder


def pip(command, *arguments):
    subprocess.run(
        [sys.executable, "-m", "pip", command, "--no-deps", "--no-index"]
        + [os.fspath(argument) for argument in arguments],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


@pytest.fixture
def run(installed, tmp_path):
    """Runs Python in an empty folder, with the installed wheel first."""

    def python(*arguments, **options):
        return subprocess.run(
            [sys.executable, *map(os.fspath, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.fspath(installed)},
            capture_output=True,
            text=True,
            **options,
        )

    return python


def test_wheel_holds_the_package_and_nothing_else(wheel):
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tfstyle").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    names = zipfile.ZipFile(wheel).namelist()
    actual = {name for name in names if ".dist-info/" not in name}
    assert actual == expected | {"tfstyle/pretrained/probe.npz"}
    assert "tfstyle/py.typed" in actual


def test_installed_command_runs_programs(run, installed):
    process = run(installed / "bin" / "tfstyle", "--version")
    assert process.stdout == f"{tfstyle.__version__}\n", process.stderr


def test_wheel_carries_its_license_and_version(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("LICENSE") for name in names)
    assert wheel.name.startswith(f"tfstyle-{tfstyle.__version__}-py3-none-any")


def test_installed_metadata_is_that_of_the_checkout():
    # An editable install that is older than setup.cfg shows up here.
    assert importlib.metadata.version("tfstyle") == tfstyle.__version__


def test_installed_package_is_found_first(run, installed):
    process = run("-c", "import tfstyle; print(tfstyle.__file__)")
    assert process.stdout.strip() == f"{installed / 'tfstyle/__init__.py'}"


def test_import_loads_nothing_that_is_slow(run):
    code = "import sys, tfstyle; print(*sys.modules)"
    modules = run("-c", code).stdout.split()
    assert set(programs.SLOW).isdisjoint(modules)


def test_public_names_are_there():
    assert set(tfstyle.__all__) <= set(dir(tfstyle))
    names = [getattr(tfstyle, name).__name__ for name in tfstyle.__all__]
    assert names == tfstyle.__all__


def test_type_checkers_see_the_names_that_are_looked_up():
    tree = ast.parse((ROOT / "tfstyle" / "__init__.py").read_text())
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If)
        and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        (alias.asname, f"{node.module}.{alias.name}")
        for node in block.body
        for alias in node.names
    }
    names = {(n, f"{module}.{n}") for n, module in tfstyle._EXPORTS.items()}
    assert seen == names | set(tfstyle._MODULES.items())


def test_type_checkers_reveal_the_types_of_the_names(tmp_path):
    (tmp_path / "names.py").write_text(
        "import tfstyle\n"
        "reveal_type(tfstyle.stylize)\n"
        "reveal_type(tfstyle.regions.whole(2))\n"
        "tfstyle.stylise\n"
    )
    process = subprocess.run(
        [sys.executable, "-m", "mypy", tmp_path / "names.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    stylize, whole, misspelled, _ = process.stdout.splitlines()
    assert "config: tfstyle.optimization.config.GatysConfig" in stylize
    assert '"tfstyle.controls.regions.Regions"' in whole
    assert 'no attribute "stylise"' in misspelled


@pytest.mark.parametrize(
    "name", ["features", "images", "losses", "regions", "sweeps"]
)
def test_public_modules_are_attributes(name):
    code = f"import tfstyle; print(tfstyle.{name}.__name__)"
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.split(".")[-1].strip() == name


def test_unknown_name_says_which():
    with pytest.raises(AttributeError, match="no attribute 'stylise'"):
        _ = tfstyle.stylise


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_of_the_wheel_answers_help(run, program):
    process = run("-m", f"tfstyle.{program}", "--help")
    assert process.returncode == 0
    assert f"python -m tfstyle.{program}" in process.stdout


def test_wheel_paints_in_another_folder(run, tmp_path):
    from tfstyle import images

    images.save(tmp_path / "photo.png", helpers.image(40, 48, seed=1))
    images.save(tmp_path / "style.png", helpers.image(48, 36, seed=2))
    weights = helpers.vgg_weights(tmp_path / "vgg16.h5")
    process = run(
        "-m",
        "tfstyle.optimize",
        "--content=photo.png",
        "--style=style.png",
        "--output=painted.png",
        "--size=48",
        "--steps=2",
        f"--feature_weights={weights}",
    )
    assert process.returncode == 0, process.stderr
    assert images.load(tmp_path / "painted.png").shape == (40, 48, 3)


def test_bounds_of_python_agree():
    # make says which versions it takes before pip does.
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["options"]["python_requires"] == ">=3.11,<3.14"
    makefile = (ROOT / "Makefile").read_text()
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in makefile
