"""Two processes on this machine train as one does."""

import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

import helpers
import programs
from tfstyle import images
from tfstyle.adain.model import StyleModel
from tfstyle.images import folders
from tfstyle.training import adain
from tfstyle.training.config import AdaINConfig

ROOT = pathlib.Path(__file__).parents[2]
_TRAIN = """
import json, pathlib, sys
from tfstyle.runtime import devices
strategy = devices.start("workers")
from tfstyle.training import adain as style_training
from tfstyle.training.config import AdaINConfig
files = [[pathlib.Path(p) for p in part] for part in json.loads(sys.argv[2])]
seen = []
style_training.train(
    AdaINConfig(**json.loads(sys.argv[1])), files, files,
    folder=sys.argv[3],
    on_step=lambda progress, _: seen.append(dict(progress.losses)),
    strategy=strategy,
)
print(json.dumps(seen))
"""


@pytest.fixture
def arguments(tmp_path):
    for i in range(4):
        images.save(tmp_path / f"{i}.png", helpers.image(40, 48, i))
    paths = [str(path) for path in folders.find([tmp_path])]
    settings = helpers.training_settings(
        steps=4, epoch=2, batch_size=4, learning_rate=1e-4
    )
    return json.dumps(settings), json.dumps([paths, paths])


def start(arguments, folder, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", _TRAIN, *arguments, str(folder)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def losses(process):
    output, errors = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def cluster():
    """`TF_CONFIG` of two hosts on this machine."""
    hosts = [f"127.0.0.1:{port}" for port in free_ports(2)]
    for index in range(2):
        task = {"type": "worker", "index": index}
        yield json.dumps({"cluster": {"worker": hosts}, "task": task})


@pytest.fixture
def run_program(tmp_path):
    """Both hosts' `tfstyle.train`, with the defaults but for the size."""
    for kind, first in (("photographs", 0), ("paintings", 10)):
        for i in range(4):
            path = tmp_path / kind / f"{i}.png"
            path.parent.mkdir(exist_ok=True)
            images.save(path, helpers.image(40, 48, first + i))

    def run(**changed):
        flags = {
            "content_dir": tmp_path / "photographs",
            "style_dir": tmp_path / "paintings",
            "workdir": tmp_path / "model",
            "loss_features": "vgg_distilled",
            "held_out": 1,
            "crop": 32,
            "steps": 4,
            "epoch": 2,
            "batch_size": 2,
        }
        words = programs.command("tfstyle.train", flags | changed)
        both = [
            programs.start(words, tmp_path, TF_CONFIG=setting)
            for setting in cluster()
        ]
        try:
            return [
                (*p.communicate(timeout=programs.PATIENCE), p.returncode)
                for p in both
            ]
        finally:
            for process in both:  # One waits for the other, which may fail.
                process.kill()

    return run


def test_the_program_trains_on_two_hosts(run_program, tmp_path):
    for _, errors, status in run_program():
        assert status == 0, errors
    made = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"model.keras", "model.h5", "preview.png", "log.csv"} <= made
    assert {"checkpoint.npz"} <= made
    path = tmp_path / "model" / "model.h5"
    StyleModel.from_preset(path)
    path.unlink()
    for _, errors, status in run_program():  # Nothing is left to do.
        assert status == 0, errors
    assert path.exists()


def test_hosts_share_a_batch_evenly(run_program):
    for _, errors, status in run_program(batch_size=3):
        assert status == 1
        assert "--batch_size must be a multiple of 2" in errors
        assert "Traceback" not in errors


def losses_of_one(arguments):
    settings, files = map(json.loads, arguments)
    files = [[pathlib.Path(path) for path in part] for part in files]
    seen = []
    adain.train(
        AdaINConfig(**settings),
        files,
        files,
        on_step=lambda progress, _: seen.append(dict(progress.losses)),
    )
    return seen


def test_two_hosts_have_the_losses_of_one(arguments, tmp_path):
    alone = losses_of_one(arguments)
    folder = tmp_path / "both"
    both = [
        start(arguments, folder, TF_CONFIG=setting) for setting in cluster()
    ]
    found = [losses(process) for process in both]
    # Asked at each step, and told of the losses when an epoch ends.
    assert [bool(told) for told in found[0]] == 2 * [False, False, True]
    found, alone = (
        [[told for told in one if told] for one in several]
        for several in (found, [alone])
    )
    (alone,) = alone
    assert len(alone) == 2
    for ours, theirs, single in zip(*found, alone, strict=True):
        assert ours == theirs
        assert set(ours) == set(single)
        for name, value in single.items():
            np.testing.assert_allclose(
                ours[name], value, rtol=1e-4, atol=1e-6, err_msg=name
            )
    # The first one wrote.
    assert (tmp_path / "both" / "checkpoint.npz").exists()
