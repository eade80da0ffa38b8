"""The program `serving.client`; `serving.rest_client` has the same tests."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import helpers
import programs
import serving_model
from image_bytes import encoded, file, photo, png_of_size
from serving_server import free_port

ROOT = pathlib.Path(__file__).parents[2]
CONTENT, STYLE = helpers.image(20, 30, 1), helpers.image(9, 9, 2)
PROGRAMS = ["serving.client", "serving.rest_client"]


def start(module, folder, *words, **flags):
    flags = {
        "content": "photo.png",
        "style": "wave.png",
        "output": "out.png",
    } | flags
    given = [f"--{k}={v}" for k, v in flags.items() if v is not None]
    return subprocess.Popen(
        [sys.executable, "-m", module, *given, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(*arguments, **flags):
    process = start(*arguments, **flags)
    out, error = process.communicate(timeout=programs.PATIENCE)
    return subprocess.CompletedProcess((), process.returncode, out, error)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photo.png").write_bytes(encoded(CONTENT))
    (tmp_path / "wave.png").write_bytes(encoded(STYLE))
    return tmp_path


@pytest.fixture(params=PROGRAMS)
def program(request, server, folder):
    """Calls a program, with the server's address unless told otherwise."""
    grpc = request.param == "serving.client"
    address = server.grpc if grpc else server.rest

    def run(*words, **flags):
        return call(
            request.param, folder, *words, **{"server": address} | flags
        )

    run.module = request.param
    run.nowhere = f"localhost:{free_port()}"
    if not grpc:
        run.nowhere = f"http://{run.nowhere}"
    return run


def test_paints_a_photograph(program, folder):
    process = program(strength=0.5, output="out.jpg")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("out.jpg: after ")
    image = Image.open(folder / "out.jpg")
    assert image.format == "JPEG" and image.size == (30, 20)
    expected = serving_model.expected(CONTENT, STYLE, 0.5)
    difference = np.asarray(image, np.float32) / 255 - expected
    assert np.abs(difference).mean() < 0.02


def test_paints_a_folder(program, folder):
    (folder / "in").mkdir()
    for name in ("a.png", "b.png"):
        (folder / "in" / name).write_bytes(encoded(CONTENT))
    (folder / "in" / "c.png").write_bytes(b"junk")
    (folder / "in" / "d.nef").touch()
    process = program(content="in", output="out", size=15)
    assert process.returncode == 1
    assert process.stdout.count("\n") == 2
    assert process.stderr.splitlines() == [
        "note: files that end in .nef cannot be read; convert them to JPEG. "
        "Left out: 1",
        "error: in/c.png: 'in/c.png' is not an image.",
        "error: 1 of 3 photographs failed",
    ]
    assert Image.open(folder / "out" / "a.png").size == (15, 10)


def test_odd_tags_and_many_pixels_make_no_noise(program, folder):
    (folder / "in").mkdir()
    tiff = bytearray(file(photo(), "TIFF", software="x" * 40))
    # The text claims to lie beyond the end of the file.
    at = tiff.index(struct.pack("<HHI", 305, 2, 41))
    tiff[at + 8 : at + 12] = struct.pack("<I", len(tiff) + 999)
    (folder / "in" / "a.tiff").write_bytes(tiff)
    (folder / "in" / "b.png").write_bytes(png_of_size(10_000, 9_000))
    process = program(content="in", output="out")
    assert process.stdout.startswith("out/a.tiff.png: after ")
    large, failed = process.stderr.splitlines()
    assert large.startswith("error: in/b.png: 'in/b.png' is damaged: ")
    assert failed == "error: 1 of 2 photographs failed"


@pytest.mark.parametrize(
    ("flags", "words", "status", "text"),
    [
        ({"content": None}, [], 2, "error: needs --content=... (see"),
        ({"strength": 7}, [], 2, "--strength=7"),
        ({"version": 1, "label": "canary"}, [], 2, "either --version or"),
        ({"timeout": "inf"}, [], 2, "--timeout=inf: must be a number of"),
        ({"timeout": "nan"}, [], 2, "--timeout=nan: must be a number of"),
        ({}, ["extra"], 2, "Unexpected arguments: ['extra']"),
        ({"content": "no.png"}, [], 1, "There is no photograph 'no.png'."),
        ({"style": "no.png"}, [], 1, "No such file or directory: 'no.png'"),
        ({"output": "out.gif"}, [], 1, "ends in one of"),
        ({"model": "nope"}, [], 1, "NOT_FOUND for model 'nope'"),
        ({"label": "canary"}, [], 1, "label: canary"),
    ],
)
def test_errors_are_one_line(flags, words, status, text, program):
    process = program(*words, **flags)
    assert process.returncode == status
    assert text in process.stderr
    assert process.stderr.startswith("error: ")
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("photo.png", "'photo.png' would be written over"),
        ("wave.png", "The output 'wave.png' is the style, too"),
    ],
)
def test_what_is_read_is_refused_before_anything_is_sent(output, text, program):
    process = program(server=program.nowhere, output=output, timeout=1)
    assert process.returncode == 1
    assert process.stderr.startswith(f"error: {text}")
    assert process.stderr.count("\n") == 1


def test_closed_port(program):
    process = program(server=program.nowhere, timeout=1)
    assert process.returncode == 1
    assert "UNAVAILABLE" in process.stderr and "Is it run" in process.stderr
    assert process.stderr.count("\n") == 1


@pytest.mark.parametrize("module", PROGRAMS)
def test_help_loads_nothing_that_is_slow(module, tmp_path):
    assert "--strength" in programs.help_of(module, tmp_path)


@pytest.mark.parametrize("module", PROGRAMS)
def test_loads_no_tensorflow(module, folder):
    code = (
        f"import sys, runpy\n"
        f"try: runpy.run_module({module!r}, run_name='__main__')\n"
        f"finally: print('tensorflow' in sys.modules, file=sys.stderr)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "--server=http://localhost:1"]
        + ["--content=photo.png", "--style=wave.png", "--output=x.png"]
        + ["--timeout=0.2"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.stderr.splitlines()[-1] == "False"


def test_a_style_may_be_larger_than_the_server_takes(program, folder):
    large = np.zeros((2100, 2100, 3))
    large[..., 0] = 1
    (folder / "large.png").write_bytes(encoded(large))
    process = program(style="large.png", strength=1)
    assert process.returncode == 0, process.stderr
    process = program(style="large.png", style_size=0)
    assert process.returncode == 1
    said = ": an image has more pixels than allowed\n"
    assert process.stderr.endswith(said)


@pytest.mark.parametrize("module", PROGRAMS)
def test_ctrl_c_waits_for_no_server(module, folder):
    """Once it waited for the time-out of what was sent."""
    with socket.create_server(("localhost", 0)) as deaf:
        address = f"localhost:{deaf.getsockname()[1]}"
        if module == "serving.rest_client":
            address = f"http://{address}"
        process = start(module, folder, server=address, timeout=300)
        connection, _ = deaf.accept()
        with connection:
            connection.recv(1)  # It asks, and is not answered.
            process.send_signal(signal.SIGINT)
            assert process.wait(programs.PATIENCE) == 130


def test_flags_of_tls_go_together(folder):
    process = call("serving.client", folder, tls_cert="wave.png")
    assert process.returncode == 2
    assert "--tls_cert and --tls_key go together." in process.stderr
    names = {"tls_cert": "wave.png", "tls_key": "wave.png"}
    process = call("serving.client", folder, **names)
    assert process.returncode == 2
    assert "--tls_cert needs --tls_ca" in process.stderr


def test_address_of_rest_says_how(folder):
    process = call("serving.rest_client", folder, server="localhost:8501")
    assert process.returncode == 2
    assert "must begin with http://" in process.stderr


def test_the_rest_client_has_both_forms(server, folder):
    for form in ("instances", "inputs"):
        process = call(
            "serving.rest_client", folder, server=server.rest, form=form
        )
        assert process.returncode == 0, process.stderr
        image = Image.open(folder / "out.png")
        assert image.size == (30, 20)
        (folder / "out.png").unlink()
    process = call("serving.rest_client", folder, form="rows")
    assert process.returncode == 2
    assert "should be one of <instances|inputs>" in process.stderr
