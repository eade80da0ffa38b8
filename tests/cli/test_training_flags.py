"""What `train` and `distill` share; their own tests run it as programs."""

import subprocess
import sys

import pytest

PROGRAM = '''
"""Trains nothing."""
from tfstyle.cli import program as cli
from tfstyle.cli import training_flags
from tfstyle.cli import settings_flags
from tfstyle.training.config import AdaINConfig
from absl import flags

settings_flags.define(
    AdaINConfig, leave_out=("widths", "depths", "style_layers")
)
training_flags.define(held_out=7)


def main():
    made = settings_flags.make(AdaINConfig)
    assert made.levels == ("image", "block2_conv1")
    assert made == AdaINConfig(steps=3, levels=made.levels)
    assert flags.FLAGS.held_out == 7
    print(flags.FLAGS.workdir)


cli.run(main)
'''


@pytest.fixture
def call(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    return lambda *words: subprocess.run(
        [sys.executable, tmp_path / "program.py", *words],
        capture_output=True,
        text=True,
    )


def test_settings_are_made_of_flags(call):
    done = call("--workdir=here", "--steps=3", "--levels=image,block2_conv1")
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs --workdir=..."),
        (["--workdir=here", "--steps=0"], "--steps must be positive"),
        (["--workdir=here", "--held_out=0"], "--held_out=0"),
    ],
)
def test_flags_are_checked(call, words, message):
    done = call(*words)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
