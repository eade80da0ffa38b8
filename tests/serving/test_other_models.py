"""Signatures that models of others may have, and those of this one do not."""

import numpy as np
import pytest
import requests
import tensorflow as tf

from serving.style_client import ServingError, StyleClient
from serving_server import Running


@pytest.fixture(scope="module")
def other_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other")
    half = tf.TensorSpec([None], tf.float16, "x")
    signatures = {
        "half": tf.function(
            lambda x: {"y": tf.cast(x, tf.float32)}, input_signature=[half]
        ),
        "constant": tf.function(
            lambda: {"y": tf.constant([2.0])}, input_signature=[]
        ),
    }
    tf.saved_model.save(tf.Module(), str(folder / "1"), signatures=signatures)
    running = Running(folder)
    yield running
    running.close()


@pytest.mark.parametrize("form", ["instances", "inputs"])
@pytest.mark.parametrize(
    ("signature", "status", "text"),
    [
        ("half", 501, "Conversion of JSON Value of 'x' to type: half"),
        (
            "constant",
            400,
            "Failed to get input map for signature: constant",
        ),
    ],
)
def test_refused_by_rest(signature, status, text, form, other_server):
    response = requests.post(
        f"{other_server.rest}/v1/models/style:predict",
        json={"signature_name": signature, form: [1.5]},
    )
    assert response.status_code == status, response.text
    assert response.json() == {"error": text}


def test_by_grpc(other_server):
    with StyleClient(other_server.grpc, attempts=1) as client:
        assert client.predict("constant", {})["y"].tolist() == [2]
        with pytest.raises(ServingError, match="to be half but") as caught:
            client.predict("half", {"x": np.float32([1.5])})
    assert caught.value.code == "INVALID_ARGUMENT"
