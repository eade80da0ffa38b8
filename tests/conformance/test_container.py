"""The Dockerfile and compose.yaml, as far as they can be read without Docker.

`docs/measurements/bare_root.py` runs the steps of the Dockerfile.
"""

import fnmatch
import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from documents import extra_problems, program_problems
from serving_server import free_port

ROOT = pathlib.Path(__file__).parents[2]
TARGETS = ["cpu", "gpu"]
# What setup.cfg needs to build the package, and what is copied.
NEEDED = ["LICENSE", "README.md", "pyproject.toml", "setup.cfg", "tfstyle"]


@pytest.fixture(scope="module")
def bare_root():
    path = ROOT / "docs" / "measurements" / "bare_root.py"
    spec = importlib.util.spec_from_file_location("bare_root", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=TARGETS)
def image(request, bare_root, tmp_path):
    """What a target's instructions say, without running any."""
    made = bare_root.Image(tmp_path)
    for name, rest in bare_root.instructions(request.param):
        made.follow(name, rest, build=False)
    return made


def steps(bare_root, name):
    found = {line for t in TARGETS for line in bare_root.instructions(t)}
    return [rest for kind, rest in found if kind == name]


def is_sent(name):
    """Whether a build sees a file or folder beside the Dockerfile."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("/")
        if line and line[0] != "#" and fnmatch.fnmatch(name, pattern):
            sent = line.startswith("!")
    return sent


def test_nobody_is_root(image):
    assert int(image.user) >= 1000


def test_the_last_target_is_that_of_the_processor():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    stages = [line.split()[-1] for line in lines if line.startswith("FROM ")]
    assert stages == ["base", "gpu", "cpu"]


def test_a_build_sees_what_it_needs_and_nothing_else(bare_root):
    sources = [line.split()[0] for line in steps(bare_root, "COPY")]
    assert sorted(sources) == ["export", "serving"]
    for name in [*NEEDED, *sources]:
        assert (ROOT / name).exists() and is_sent(name), name
    for name in (".git", ".venv", "docs", "examples", "tests", "models"):
        assert not is_sent(name), name
    assert not is_sent("a.egg-info")


def test_its_commands_exist(image, bare_root):
    (export,) = re.findall(
        r"python -m export\.\S+(?: --\S+)+", " ".join(steps(bare_root, "RUN"))
    )
    assert list(program_problems(export.split())) == []
    assert list(program_problems(image.ends["CMD"])) == []
    installed = re.findall(r"/src(\[\S+\])", str(steps(bare_root, "RUN")))
    assert installed
    assert list(extra_problems([f".{extras}" for extras in installed])) == []
    flags = dict(word.split("=") for word in image.ends["CMD"] if "=" in word)
    assert f"--output={flags['--model_base_path']}" in export
    # Seen from outside of the container, but not by root alone.
    assert flags["--host"] == "0.0.0.0"


def test_the_check_of_health_asks_what_the_server_answers(image, server):
    *words, code = image.ends["HEALTHCHECK"]
    assert words == ["python", "-c"]
    (name,) = (w for w in image.ends["CMD"] if w.startswith("--model_name="))
    assert name == "--model_name=style"  # As of the server here.
    for port, healthy in (
        (server.server.rest_port, True),
        (free_port(), False),
    ):
        moved = code.replace("127.0.0.1:8501", f"127.0.0.1:{port}")
        assert moved != code
        command = [sys.executable, "-c", moved]
        done = subprocess.run(command, capture_output=True, timeout=60)
        assert (done.returncode == 0) == healthy


def test_compose(image):
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"server", "server-gpu", "paint", "paint-gpu"}
    for name, service in services.items():
        target = "gpu" if name.endswith("gpu") else "cpu"
        assert service["build"] == {"context": ".", "target": target}
        assert ("deploy" in service) == (target == "gpu")
        if name.startswith("server"):
            ports = service["ports"]
            assert ports == [f"127.0.0.1:{p}:{p}" for p in (8500, 8501)]
        else:
            assert service["entrypoint"] == ["tfstyle"]
            assert service["healthcheck"]["disable"]
            targets = {v.split(":")[-1] for v in service["volumes"]}
            assert targets == {"/work", image.variables["TFSTYLE_HOME"]}
            assert image.folder in targets
    # `docker compose up` starts the server on a processor alone.
    assert [n for n in services if "profiles" not in services[n]] == ["server"]
    assert json.dumps(compose["volumes"]) == '{"weights": null}'
