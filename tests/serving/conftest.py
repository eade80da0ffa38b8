import pytest

from serving_server import ask_well


@pytest.fixture
def alive(server):
    """The server answers a good request after the test."""
    yield
    ask_well(server)
