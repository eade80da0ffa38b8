"""One studio for all tests of the package: TensorFlow is loaded once."""

import pytest

import studio_server


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
