"""Most tests of this program are in test_serving_client.py."""

from PIL import Image

from test_serving_client import call, folder  # noqa: F401 (a fixture)


def test_both_forms(server, folder):  # noqa: F811
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
