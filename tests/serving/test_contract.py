"""The real model through the server: every signature gives Keras' numbers."""

import io

import numpy as np
import pytest
import requests
from PIL import Image

import helpers
from image_bytes import encoded
from serving.style_client import StyleClient
from serving_server import Running

saved_model = pytest.importorskip(
    "tfstyle.export.saved_model", reason="needs the export"
)
CONTENTS = np.stack([helpers.image(33, 47, i) for i in range(2)])
STYLES = np.stack([helpers.image(40, 25, i) for i in (5, 6)])
STRENGTH = np.float32([0.25, 1])
ARRAYS = {"content_image": CONTENTS, "style_image": STYLES}


@pytest.fixture(scope="module")
def model():
    from tfstyle.training import adain
    from tfstyle.training.config import AdaINConfig

    return adain.untrained(AdaINConfig(precision="float32"))


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    saved_model.export(model, folder)
    running = Running(folder)
    yield running
    running.close()


@pytest.fixture(scope="module")
def expected(model):
    """Inputs and output of each signature of arrays, by Keras."""
    embedding = np.asarray(model.embed_style(STYLES))
    half = np.asarray(model.apply_style(CONTENTS, embedding, STRENGTH))
    whole = np.asarray(model.apply_style(CONTENTS, embedding))
    strength = {"strength": STRENGTH}
    known = {"content_image": CONTENTS, "style_embedding": embedding}
    return {
        "serving_default": (ARRAYS, whole),
        "stylize": (ARRAYS | strength, half),
        "embed_style": ({"style_image": STYLES}, embedding),
        "apply_style": (known | strength, half),
    }


NAMES = ["serving_default", "stylize", "embed_style", "apply_style"]


@pytest.mark.parametrize("signature", NAMES)
def test_grpc(signature, served, expected):
    inputs, wanted = expected[signature]
    with StyleClient(served.grpc) as client:
        (found,) = client.predict(signature, inputs).values()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("signature", NAMES)
def test_rest(signature, served, expected):
    inputs, wanted = expected[signature]
    response = requests.post(
        f"{served.rest}/v1/models/style:predict",
        json={
            "signature_name": signature,
            "inputs": {name: value.tolist() for name, value in inputs.items()},
        },
    )
    found = np.float32(response.json()["outputs"])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_client_of_other_people(served, expected):
    ovmsclient = pytest.importorskip("ovmsclient")
    inputs, wanted = expected["serving_default"]
    found = ovmsclient.make_grpc_client(served.grpc).predict(inputs, "style")
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_bytes(served, expected):
    files = {
        "content_image_bytes": [encoded(image) for image in CONTENTS],
        "style_image_bytes": [encoded(image) for image in STYLES],
    }
    with StyleClient(served.grpc) as client:
        (embedding,) = client.predict(
            "embed_style_bytes",
            {"style_image_bytes": files["style_image_bytes"]},
        ).values()
        strength = {"strength": STRENGTH}
        (direct,) = client.predict("stylize_bytes", files | strength).values()
        files["style_embedding"] = embedding
        del files["style_image_bytes"]
        (twice,) = client.predict(
            "apply_style_bytes", files | strength
        ).values()
    wanted = expected["embed_style"][1]
    assert np.abs(embedding - wanted).max() < 0.01 * np.abs(wanted).max()
    for found in (direct, twice):
        for data, image in zip(found, expected["stylize"][1], strict=True):
            pixels = np.asarray(Image.open(io.BytesIO(data)), np.float32) / 255
            assert pixels.shape == image.shape
            # Of JPEG, if that is what was chosen; PNG is nearer.
            assert np.abs(pixels - image).mean() < 0.02


def test_refusals_of_the_real_graph(served):
    from serving.style_client import ServingError

    for wrong in [
        {"strength": np.float32([7, 1])},
        {"content_image": CONTENTS * np.nan},
        {"style_image": STYLES[:1]},
        {"content_image": CONTENTS[:, :0]},
    ]:
        inputs = ARRAYS | {"strength": STRENGTH} | wrong
        with StyleClient(served.grpc) as client:
            with pytest.raises(ServingError) as caught:
                client.predict("stylize", inputs)
        assert caught.value.code == "INVALID_ARGUMENT"
