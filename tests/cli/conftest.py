"""A small program, which the tests of cli start."""

import sys

import pytest

import programs

PROGRAM = '''r"""Does what the tests of cli need.

  python -m program --name=dog
"""

import os
import resource
import time

from absl import flags

from tfstyle.cli import flag_types
from tfstyle.cli import program as cli

_NAME = flags.DEFINE_string("name", None, "A name.", required=True)
_CODE = flags.DEFINE_string("code", "", "What to do.")
_OTHERS = flags.DEFINE_multi_string("other", None, "Others.")
_STEPS = flags.DEFINE_integer("steps", 300, "Steps.", lower_bound=1)
_MIX = flag_types.DEFINE_numbers("mix", (1.0, 0.5), "Shares.")
_LAYERS = flag_types.DEFINE_weights(
    "layers", {"a": 1.0, "b": 0.5}, "Layers."
)
_AT = flag_types.DEFINE_indices("at", None, "Places.")


def main():
    return exec(_CODE.value, globals())


def run(seconds):
    """Steps of 10 ms, as an algorithm does them."""
    with cli.Interrupt() as interrupt:
        print("ready", flush=True)
        try:
            for _ in range(int(seconds * 100)):
                time.sleep(0.01)
                if interrupt():
                    break
            print("the picture is written", flush=True)
        finally:
            print("clean", flush=True)
    return interrupt.status


def main_with_status():
    return run(600) if _NAME.value == "run" else main()


if __name__ == "__main__":
    cli.run(main_with_status)
'''


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "program.py"
    path.write_text(PROGRAM)
    return [sys.executable, str(path)]


@pytest.fixture
def call(command, tmp_path):
    """Runs the program with arguments, and with variables."""
    return lambda *arguments, **variables: programs.call(
        [*command, *arguments], tmp_path, **variables
    )


@pytest.fixture
def start(command, tmp_path):
    """Starts the program and waits until it says that it is ready."""
    processes = []

    def program(*arguments):
        process = programs.start([*command, *arguments], tmp_path)
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield program
    for process in processes:
        process.kill()
        process.communicate()
