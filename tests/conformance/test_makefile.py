"""What make says where Python is missing, too old or without venv."""

import configparser
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    not shutil.which("make"), reason="needs make on the path"
)


def make(*arguments, **environment):
    # Not that of a `make test` around us: it would print its folders.
    inherited = {k: v for k, v in os.environ.items() if "MAKE" not in k}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )


def write(path, text):
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def python(tmp_path):
    """Writes a `python` that runs `code` at its start."""

    def wrapper(code):
        (tmp_path / "sitecustomize.py").write_text(code)
        return write(
            tmp_path / "python",
            f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec {sys.executable} "$@"\n',
        )

    return wrapper


@pytest.mark.parametrize("version", ["3.10", "3.14"])
def test_make_refuses_another_python(version, python, tmp_path):
    numbers = version.replace(".", ", ")
    found = python(f"import sys; sys.version_info = ({numbers}, 1)")
    process = make("test", f"PYTHON={found}", f"VENV={tmp_path}/venv")
    assert process.returncode != 0
    message = process.stderr.splitlines()[0]
    assert "tfstyle needs Python 3.11, 3.12 or 3.13" in message
    assert f"'{found}' is {version}." in message


def test_make_says_that_python_is_missing(tmp_path):
    process = make("lint", "PYTHON=python9", f"VENV={tmp_path}/venv")
    assert process.returncode != 0
    assert process.stderr.startswith("No 'python9' here: install Python 3.11,")


def test_make_names_the_package_that_has_venv(python, tmp_path):
    found = python("import sys; sys.modules['ensurepip'] = None")
    process = make("demo", f"PYTHON={found}", f"VENV={tmp_path}/venv")
    assert process.returncode != 0
    message = process.stderr.splitlines()[0]
    assert message.startswith(f"'{found} -m venv' does not work here")
    assert "apt install python3-venv" in message
    major, minor = sys.version_info[:2]
    assert f"python{major}.{minor}-venv" in message


def test_setup_is_done_once_and_again_when_setup_cfg_changes(tmp_path):
    for name in (".python", ".core", ".dev"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (2e9, 2e9))  # Newer than setup.cfg.
    assert "pip" not in make("-n", "test", f"VENV={tmp_path}").stdout
    for name in (".core", ".dev"):
        os.utime(tmp_path / name, (0, 0))
    assert "pip" in make("-n", "test", f"VENV={tmp_path}").stdout


def test_docs_need_no_tests_and_tests_build_the_docs(tmp_path):
    said = make("-n", "docs", f"VENV={tmp_path}").stdout
    assert '".[docs]"' in said and '".[test' not in said
    assert "mkdocs build --strict" in said
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    assert "docs" in extras["test"].split("[")[1].split("]")[0].split(",")


def test_ci_runs_lint_and_tests():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make lint", "make test"]
