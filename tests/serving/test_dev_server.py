import re
import signal
import subprocess
import threading
import time

import numpy as np
import pytest
import requests

import programs
import serving_model
from image_bytes import PNG, encoded
from serving.style_client import ServingError, StyleClient
from serving_server import ROOT, Program, command, free_port, wait_for

LARGE = encoded(np.zeros((1200, 1200, 3)))


def refused(**flags):
    return subprocess.run(
        command(**flags),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
    )


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({}, "--model_base_path or --model_config_file"),
        ({"model_base_path": "a", "model_config_file": "b"}, "Give either"),
        ({"model_base_path": "a", "port": -1}, "--port"),
        ({"enable_batching": "true"}, "Unknown command line flag"),
        (
            {"model_base_path": "a", "file_system_poll_wait_seconds": "inf"},
            "--file_system_poll_wait_seconds=inf: must be a number of at most",
        ),
        (
            {
                "model_base_path": "a",
                "model_config_file_poll_wait_seconds": "nan",
            },
            "--model_config_file_poll_wait_seconds=nan: must be a number of",
        ),
        (
            {"model_base_path": "a", "drain_seconds": "nan"},
            "--drain_seconds=nan: must be a number of at most",
        ),
    ],
)
def test_wrong_flags(flags, text):
    process = refused(**flags)
    assert process.returncode == 2
    assert text in process.stderr and process.stderr.count("\n") == 1


def test_files_that_are_wrong(tmp_path):
    wrong = tmp_path / "models.config"
    wrong.write_text("model_config_list { config { version_label: 1 } }")
    process = refused(model_config_file=wrong)
    assert process.returncode == 1
    assert process.stderr.startswith(f"error: '{wrong}' is not a ModelServer")
    assert 'no field named "version_label"' in process.stderr
    assert process.stderr.count("\n") == 1


def test_without_a_version_it_does_not_start(tmp_path):
    process = refused(model_base_path=tmp_path, model_name="style")
    assert process.returncode == 1
    (line,) = [x for x in process.stderr.splitlines() if "error" in x]
    assert line == (
        "error: Failed to start server. Error: 1 model(s) did not become "
        "available: Could not find any versions of model style in "
        f"'{tmp_path}'. Write one by python -m export.saved_model "
        f"--output={tmp_path}"
    )


def test_versions_that_are_there_but_not_wanted(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "12").mkdir()
    config = tmp_path / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "a" base_path: "{tmp_path}" '
        "model_version_policy { specific { versions: 5 } } } }"
    )
    process = refused(model_config_file=config)
    assert process.returncode == 1
    (line,) = [x for x in process.stderr.splitlines() if "error" in x]
    assert line.endswith(
        f"Could not find any versions of model a in '{tmp_path}' that "
        "model_version_policy names. There are: [1, 12]"
    )


def test_a_life(tmp_path):
    """Start, new configuration, drain: one process, which takes seconds.

    It is started with Ctrl-C ignored, and so never hears of one.
    """
    serving_model.export(tmp_path / "style")
    config = tmp_path / "models.config"
    entry = 'config {{ name: "{}" base_path: "{}" }}'
    one = entry.format("style", tmp_path / "style")
    config.write_text(f"model_config_list {{ {one} }}")
    with programs.ctrl_c_ignored():
        program = Program(
            model_config_file=config,
            model_config_file_poll_wait_seconds=0.1,
            rest_api_port=free_port(),
            drain_seconds=programs.PATIENCE,
            max_running_requests=1,
        )
    try:
        program.process.send_signal(signal.SIGINT)
        status = requests.get(f"{program.rest}/v1/models/style").json()
        assert status["model_version_status"][0]["state"] == "AVAILABLE"
        packed = requests.post(
            f"{program.rest}/v1/models/style:predict",
            b"{}",
            headers={"Content-Encoding": "gzip"},
        )
        assert packed.status_code == 400
        long = requests.get(f"{program.rest}/v1/models/{'a' * 9000}")
        assert long.status_code == 400
        two = entry.format("second", tmp_path / "style")
        config.write_text(f"model_config_list {{ {one} {two} }}")
        with StyleClient(program.grpc, "second") as client:
            wait_for(lambda: ask(client) is None)
        config.write_text("junk {")
        program.wait_for("polling failed")
        with StyleClient(program.grpc, timeout=programs.PATIENCE) as client:
            assert ask(client) is None
            held, late = _drain(program, client)
    finally:
        program.process.kill()
    assert held == [None, None] and late == "UNAVAILABLE"
    events = [line["event"] for line in program.log]
    assert events[0] == "version loading" and events[-1] == "stopped"
    assert events.count("polling failed") == 1
    assert "Traceback" not in program.errors


def ask(client, size=1):
    """Name of the error of a request, or `None`."""
    inputs = {
        "content_image_bytes": [LARGE if size > 1 else PNG] * size,
        "style_image_bytes": [PNG] * size,
        "strength": np.full(size, 0.5, np.float32),
    }
    try:
        client.predict("stylize_bytes", inputs)
    except ServingError as error:
        return error.code
    return None


def _drain(program, client):
    """Errors of requests from before SIGTERM, and of a later one."""
    held = []
    threads = [
        threading.Thread(target=lambda: held.append(ask(client, 40)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    wait_for(lambda: queued(program) == 1)  # The other one runs.
    program.process.send_signal(signal.SIGTERM)
    program.wait_for("draining")
    with StyleClient(program.grpc, attempts=1) as another:
        late = ask(another)
    assert not held  # Else there was nothing to wait for.
    for thread in threads:
        thread.join()
    assert program.process.wait(timeout=programs.PATIENCE) == 0
    return held, late


def queued(program):
    text = requests.get(f"{program.rest}/monitoring/prometheus/metrics").text
    return float(re.search(r"^dev_server_queued_requests (.*)$", text, re.M)[1])


def test_killed_under_load_clients_find_its_successor(tiny_model):
    port = free_port()
    flags = {"model_base_path": tiny_model, "model_name": "style"}
    flags |= {"port": port, "rest_api_port": free_port()}
    program = Program(**flags)
    outcomes, impatient, stop = [], [], threading.Event()

    def load(attempts, results):
        with StyleClient(program.grpc, attempts=attempts) as client:
            while not stop.is_set():
                results.append(ask(client))
                time.sleep(0.01)

    threads = [
        threading.Thread(target=load, args=arguments)
        for arguments in [(20, outcomes), (20, outcomes), (1, impatient)]
    ]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: len(outcomes) > 20)
        program.process.kill()
        program.process.wait()
        program = Program(**flags)
        before = len(outcomes)
        wait_for(lambda: len(outcomes) > before + 20)
        stop.set()
        for thread in threads:
            thread.join()
        _end_at_once(program)
    finally:
        stop.set()
        program.process.kill()
        program.process.wait()
    assert set(outcomes) == {None}
    assert set(impatient) == {None, "UNAVAILABLE"}


def _end_at_once(program):
    """By the second signal, while requests run."""
    with StyleClient(program.grpc, attempts=1) as client:
        threads = [
            threading.Thread(target=lambda: ask(client, 12)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        wait_for(lambda: queued(program) == 1)  # The others run.
        program.process.send_signal(signal.SIGTERM)
        program.wait_for("draining")
        program.process.send_signal(signal.SIGTERM)
        assert program.process.wait(programs.PATIENCE) == -signal.SIGTERM
        for thread in threads:
            thread.join()
