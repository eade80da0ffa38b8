"""python -m tfstyle.studio: starts, stops, and finds everything again."""

import json
import os
import re
import signal
import socket
import stat
import time

import pytest
import requests

import programs
import studio_server
from tfstyle import images

PROGRAM = "tfstyle.studio"


class Running:
    """The program in a process, and a client of its page."""

    def __init__(self, folder, **flags):
        words = programs.command(
            PROGRAM, {"port": 0, "output": folder / "studio", **flags}
        )
        # Its errors go to a file: nobody else reads a pipe.
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = programs.start(words, folder, stderr=log)
        first = self.process.stdout.readline()
        self.address = re.fullmatch(r"Studio: (http://.*)\n", first)[1]
        self.client = studio_server.Client(self.address)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.process.wait(programs.PATIENCE)
        return self.process.returncode


def kill(process):
    process.kill()
    process.wait()


@pytest.fixture
def start(tmp_path):
    """Starts the program; ends it with the test."""
    started = []

    def begin(**flags):
        running = Running(tmp_path, **flags)
        started.append(running)
        return running

    yield begin
    for running in started:
        kill(running.process)


def test_help(tmp_path):
    assert "--port" in programs.help_of(PROGRAM, tmp_path)


def test_the_browser_is_given_a_token_for_one_use(start, tmp_path, monkeypatch):
    # Commands of other users' processes can be read.
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{opened}"\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    running = start(open=True)
    _until(opened.is_file)
    address = opened.read_text().strip()
    url, _, token = address.partition("/?token=")
    assert url == running.client.url and token not in running.address
    for ok in (True, False):
        with requests.Session() as session:
            assert session.get(address).ok is ok
            assert session.get(url).ok is ok


def test_a_running_picture_is_kept_and_goes_on(start, tmp_path):
    first = start()
    recipe = {
        "engine": "optimize",
        "content": first.client.image(40, 60, 1),
        "styles": [{"image": first.client.image(40, 40, 2)}],
        "settings": {"size": 64, "steps": 1000},
    }
    id = first.client.paint(recipe)["id"]
    waiting = first.client.paint(recipe)["id"]
    _until(lambda: first.client.get(f"/api/jobs/{id}/frame").ok)
    assert first.end() == 0
    assert (tmp_path / "studio/jobs" / id / "checkpoint").is_dir()
    kept = images.load(tmp_path / "studio/jobs" / id / "picture.png")
    assert max(kept.shape) == 64

    second = start()
    job = second.client.job(id)
    assert (job["status"], job["message"]) == ("stopped", "Stopped.")
    assert 0 < job["done"] < 1
    job = second.client.job(waiting)
    assert "ended before this was painted" in job["message"]
    second.client.post(f"/api/jobs/{id}/resume")
    second.client.wait(id, "running")
    second.client.post(f"/api/jobs/{id}/stop")
    again = second.client.wait(id, "stopped")
    assert again["done"] >= job["done"]
    assert second.end(signal.SIGTERM) == 0


def test_a_second_signal_aborts(start):
    running = start()
    recipe = {
        "engine": "one_pass",
        "content": running.client.image(40, 60, 1),
        "styles": [{"image": running.client.image(40, 40, 2)}],
        "settings": {"size": 4096},
    }
    id = running.client.paint(recipe)["id"]
    running.client.wait(id, "running")
    running.process.send_signal(signal.SIGINT)
    _until(lambda: "Ctrl-C again aborts" in running.log.read_text())
    assert running.end() == -signal.SIGINT
    assert "Traceback" not in running.log.read_text()
    job = start().client.job(id)
    assert job["message"] == "The program ended while this was painted."


def _until(condition):
    last = time.monotonic() + programs.PATIENCE
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.1)


def test_a_lost_program_leaves_its_jobs_as_stopped(start, tmp_path):
    job = {
        "id": "0" * 24,
        "status": "running",
        "recipe": {
            "engine": "optimize",
            "content": "1" * 24,
            "styles": [{"image": "2" * 24}],
        },
    }
    folder = tmp_path / "studio/jobs" / job["id"]
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(job))
    (tmp_path / "studio/jobs/damaged").mkdir()
    (tmp_path / "studio/jobs/damaged/job.json").write_text("{")
    (found,) = start().client.state()["jobs"]
    assert found["status"] == "stopped"
    assert found["message"] == "The program ended while this was painted."


def test_nothing_listens_beyond_this_machine(start):
    running = start()
    port = int(running.address.split(":")[2].split("/")[0])
    with socket.socket() as outside:
        outside.settimeout(5)
        host = socket.gethostbyname(socket.gethostname())
        if host.startswith("127.0.0.1"):
            host = "127.0.0.2"  # On Linux it is this machine, too.
        assert outside.connect_ex((host, port)) != 0
    assert requests.get(running.address, timeout=60).ok


def test_a_new_folder_is_of_this_user_alone(start, tmp_path):
    start()
    mode = stat.S_IMODE((tmp_path / "studio").stat().st_mode)
    assert mode == 0o700


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = programs.command(PROGRAM, {"port": port})
        process = programs.call(words, tmp_path)
    programs.check_refused(process, 1, f"Port {port} of 127.0.0.1")
    assert os.listdir(tmp_path) == []


def test_a_missing_package_is_named(tmp_path):
    words = programs.command(PROGRAM, {"port": 0})
    process = programs.fork(words, tmp_path, hidden=["aiohttp"])
    programs.check_refused(process, 1, "pip install 'tfstyle[studio]'")


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    words = programs.command(PROGRAM, {"port": 0, "output": "file"})
    process = programs.call(words, tmp_path)
    message = f"'{tmp_path / 'file'}' is a file. Expected: a folder."
    programs.check_refused(process, 1, message)
