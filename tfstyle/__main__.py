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

from tfstyle.cli import completion
from tfstyle.version import __version__

# Modules beside this one that are no programs.
_LIBRARY = {"losses", "version"}


def main() -> None:
    """Runs the program that the first word names; ends the process."""
    words = sys.argv[1:]
    name = words[0] if words else "--help"
    if name in ("--help", "-h", "help"):
        print(_overview())
    elif name == "--version":
        print(__version__)
    elif name.startswith("--completion"):
        print(_completion(name.partition("=")[2] or "".join(words[1:2])))
    elif name == "--doctor":
        _run("doctor", words[1:])
    elif name in programs():
        _run(name, words[1:])
    else:
        _refuse(name)


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


def _refuse(name: str) -> None:
    near = difflib.get_close_matches(name, programs(), 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    sys.exit(_error(f"There is no program '{name}'.{meant} See tfstyle --help"))


def _error(text: str) -> int:
    print(f"error: {text}", file=sys.stderr)
    return 2


def _completion(shell: str) -> str:
    if shell not in completion.SHELLS:
        shells = ", ".join(completion.SHELLS)
        sys.exit(_error(f"--completion must be one of {shells}: '{shell}'"))
    flags = {name: _flags(name) for name in programs()}
    return completion.script(shell, flags)


def _flags(program: str) -> list[str]:
    """Asks a program for its own flags; `=` is after those with a value."""
    asked = [sys.executable, "-m", f"tfstyle.{program}", "--helpxml"]
    process = subprocess.run(asked, capture_output=True, text=True)
    found = xml.etree.ElementTree.fromstring(process.stdout).iter("flag")
    return [
        flag.findtext("name", "") + "=" * (flag.findtext("type") != "bool")
        for flag in found
        if flag.findtext("key") == "yes"
    ]


if __name__ == "__main__":
    main()
