r"""Runs the programs by their names.

  tfstyle optimize --content=cat.jpg --style=wave.jpg --output=painted.png

is `python -m tfstyle.optimize` and its flags. After `pip install` the command
is there; `python -m tfstyle` is the same without it.

  tfstyle                     lists the programs
  tfstyle optimize --help     flags of a program
  tfstyle --doctor            what is installed, found and fast here
  tfstyle --version
  tfstyle --completion=bash   script for a shell: bash, zsh or fish
"""

import ast
import difflib
import pathlib
import runpy
import subprocess
import sys
import xml.etree.ElementTree

from absl import app

from tfstyle.cli import completion, program
from tfstyle.version import __version__

# Modules beside this one that are no programs.
_LIBRARY = {"losses", "version"}


def main() -> None:
    """Runs the program that the first word names; ends the process."""
    name, *words = sys.argv[1:] or ["--help"]
    if name == "--doctor":
        _run("doctor", words)
    elif name in programs():
        _run(name, words)
    else:
        del sys.argv[1:]  # They are no flags of a program.
        program.run(lambda: print(_answer(name, words)))


def _answer(name: str, words: list[str]) -> str:
    """What is printed for a word that names no program."""
    if name in ("--help", "-h", "help"):
        return _overview()
    if name == "--version":
        return __version__
    if name.startswith("--completion"):
        return _completion(name.partition("=")[2] or "".join(words[:1]))
    near = difflib.get_close_matches(name, programs(), 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise app.UsageError(f"There is no program '{name}'.{meant}")


def programs() -> dict[str, str]:
    """Returns the programs by name, with what each does."""
    files = sorted(pathlib.Path(__file__).parent.glob("[!_]*.py"))
    return {
        file.stem: (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "")
        .partition("\n")[0]
        .rstrip(".")
        for file in files
        if file.stem not in _LIBRARY
    }


def _overview() -> str:
    found = programs()
    width = max(map(len, found))
    lines = [f"  {name:{width}}  {text}" for name, text in found.items()]
    return "\n".join([(__doc__ or "").strip(), "", "Programs:", *lines])


def _run(name: str, words: list[str]) -> None:
    sys.argv = [f"tfstyle {name}", *words]
    runpy.run_module(f"tfstyle.{name}", run_name="__main__", alter_sys=True)


def _completion(shell: str) -> str:
    if shell not in completion.SHELLS:
        shells = ", ".join(completion.SHELLS)
        raise app.UsageError(f"--completion must be one of {shells}: '{shell}'")
    flags = {name: _flags(name) for name in programs()}
    return completion.script(shell, flags)


def _flags(name: str) -> list[str]:
    """Asks a program for its own flags; `=` is after those with a value."""
    asked = [sys.executable, "-m", f"tfstyle.{name}", "--helpxml"]
    process = subprocess.run(asked, capture_output=True, text=True)
    found = xml.etree.ElementTree.fromstring(process.stdout).iter("flag")
    return [
        flag.findtext("name", "") + "=" * (flag.findtext("type") != "bool")
        for flag in found
        if flag.findtext("key") == "yes"
    ]


if __name__ == "__main__":
    main()
