"""serving/README.md: its commands are right, and its files are there."""

import pathlib
import re

import pytest

import serving
from documents import LINK, fences, shell_problems
from serving.server.config import read_models

FOLDER = pathlib.Path(serving.__file__).parent
TEXT = (FOLDER / "README.md").read_text()


def test_commands_are_right():
    assert shell_problems(TEXT) == []


def test_links_lead_somewhere():
    found = {first or second for first, second in LINK.findall(TEXT)}
    local = {link.split("#")[0] for link in found if "://" not in link} - {""}
    assert not [link for link in local if not (FOLDER / link).exists()]


def test_every_file_of_the_folder_is_named():
    files = {
        path.name
        for path in FOLDER.iterdir()
        if path.is_file() and path.suffix != ".py" and path.name != "README.md"
    }
    assert not [name for name in sorted(files) if name not in TEXT]


@pytest.mark.parametrize("text", fences(TEXT, "protobuf"))
def test_configurations_can_be_read(text, tmp_path):
    (tmp_path / "models.config").write_text(text)
    assert read_models(tmp_path / "models.config")


def test_python_of_the_readme_runs(server, tmp_path, monkeypatch):
    from image_bytes import PNG

    monkeypatch.chdir(tmp_path)
    for name in ("dog.jpg", "wave.jpg", "cat.jpg"):
        pathlib.Path(name).write_bytes(PNG)
    for code in fences(TEXT, "python"):
        assert "localhost:8500" in code
        exec(code.replace("localhost:8500", server.grpc), {})
    assert pathlib.Path("dog_wave.jpg").read_bytes().startswith(b"\x89PNG")


def test_requests_of_the_readme_are_answered(server):
    import json

    import requests

    bodies = fences(TEXT, "json")
    assert len(bodies) == 2
    data = re.compile(r'"(JPEG|PNG) as base64"')
    import base64

    from image_bytes import PNG

    encoded = f'"{base64.b64encode(PNG).decode()}"'
    for body in bodies:
        body = json.loads(data.sub(encoded, body))
        url = f"{server.rest}/v1/models/style:predict"
        assert requests.post(url, json=body).status_code == 200
