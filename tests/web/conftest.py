"""One studio for all tests of the package: TensorFlow is loaded once."""

import pytest

import browser
import studio_server
from studio_page import Page


@pytest.fixture(scope="session")
def running_studio(tmp_path_factory):
    # A name that a shell would take apart.
    folder = tmp_path_factory.mktemp("studio") / "it's a $HOME"
    with studio_server.Studio(folder) as running:
        yield running


@pytest.fixture
def studio(running_studio):
    """The studio with an empty desk and history; images stay."""
    running_studio.post("/api/desk", {})
    for job in running_studio.state()["jobs"]:
        running_studio.post(f"/api/jobs/{job['id']}/stop")
    for job in running_studio.state()["jobs"]:
        running_studio.wait(job["id"], "done", "stopped", "failed")
        running_studio.delete(f"/api/jobs/{job['id']}")
    return running_studio


@pytest.fixture
def browse(studio, tmp_path):
    """Runs a coroutine function with the `Page` of the studio."""
    address = f"{studio.url}/?token={studio_server.TOKEN}"
    with browser.start(tmp_path) as port:
        yield lambda look: browser.visit(port, address, look, Page)
