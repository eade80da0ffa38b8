"""The shared parts of the programs, in small programs made of them."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

import programs

ROOT = pathlib.Path(__file__).parents[2]


def program(body, *arguments, stdout=subprocess.PIPE):
    code = (
        "from absl import flags\nfrom serving import cli\n"
        "flags.DEFINE_integer('count', 1, 'How many.', lower_bound=0)\n"
        "flags.DEFINE_string('name', None, 'Name.')\n"
        f"def main():\n    {body}\ncli.run(main)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("body", "arguments", "status", "error"),
    [
        ("print('done')", [], 0, ""),
        ("return 3", [], 3, ""),
        ("print(1)", ["--help"], 0, ""),
        ("print(1)", ["--count=-1"], 2, "error: flag --count=-1: "),
        ("print(1)", ["--cuont=1"], 2, "error: Unknown command line flag"),
        ("print(1)", ["x"], 2, "error: Unexpected arguments: ['x'] (see"),
        ("raise ValueError('no\\n good')", [], 1, "error: no good\n"),
        ("open('/nowhere')", [], 1, "error: No such file or directory: '/n"),
        (
            "from serving.style_client import ServingError as E; "
            "raise E('NOT_FOUND', 'Nothing.')",
            [],
            1,
            "error: Nothing. See which models",
        ),
        ("raise KeyError('a bug')", [], 1, "Traceback"),
    ],
)
def test_statuses_and_errors(body, arguments, status, error):
    process = program(body, *arguments)
    _, found = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == status
    assert found.startswith(error)
    assert found.count("\n") <= 1 or error == "Traceback"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signals(number, status):
    body = "import time; print('ready', flush=True); time.sleep(600)"
    process = program(body)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, error = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == status
    assert error == ("interrupted\n" if status == 130 else "")


def test_a_reader_that_is_gone_is_no_error():
    read, write = os.pipe()
    os.close(read)
    process = program("print(1)", stdout=write)
    os.close(write)
    assert process.stderr.read() == ""
    assert process.wait(programs.PATIENCE) == 141


COLLECTING = """
    import gc, os, time
    def callback(phase, info):
        if phase == "start":
            os.kill(os.getpid(), {number})
    gc.callbacks.append(callback)
    gc.collect()
    gc.callbacks.clear()
    [time.sleep(0.01) for _ in range(60_000)]
"""


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_signal_during_garbage_collection_is_not_lost(number, status):
    process = program(COLLECTING.format(number=int(number)))
    _, error = process.communicate(timeout=programs.PATIENCE)
    assert process.returncode == status
    assert error == ("interrupted\n" if status == 130 else "")


def test_names_are_shown_as_they_are():
    body = "name = flags.FLAGS.name; raise ValueError(print(name) or name)"
    process = program(body, b"--name=\xe9a")
    streams = process.stdout.buffer, process.stderr.buffer
    shown = tuple(stream.read() for stream in streams)
    process.wait(timeout=60)
    assert shown == (b"\xe9a\n", b"error: \xe9a\n")


@pytest.mark.parametrize(
    ("body", "closed", "status"),
    [
        ("print(1)", ">&-", 0),
        ("print(1)", ">&- 2>&-", 0),
        ("raise ValueError", "2>&-", 1),
    ],
)
def test_closed_streams_are_no_error(tmp_path, body, closed, status):
    (tmp_path / "main.py").write_text(
        f"from serving import cli\ndef main():\n    {body}\ncli.run(main)\n"
    )
    process = subprocess.run(
        f'exec "{sys.executable}" main.py {closed}',
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    assert (process.returncode, process.stdout) == (status, b"")
