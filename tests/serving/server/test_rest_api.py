import threading

import numpy as np
import pytest
import requests

import helpers
import serving_model
from serving_server import Running

CONTENT, STYLE = helpers.image(4, 5, 1), helpers.image(3, 6, 2)


def test_status(server):
    expected = {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    for path in ("style", "style/versions/1"):
        response = requests.get(f"{server.rest}/v1/models/{path}")
        assert response.json() == expected
        assert response.headers["Content-Type"] == "application/json"


def test_metadata(server):
    found = requests.get(f"{server.rest}/v1/models/style/metadata").json()
    assert found["model_spec"] == {
        "name": "style",
        "signature_name": "",
        "version": "1",
    }
    signatures = found["metadata"]["signature_def"]["signature_def"]
    stylize = signatures["stylize"]
    assert stylize["method_name"] == "tensorflow/serving/predict"
    content = stylize["inputs"]["content_image"]
    assert content["dtype"] == "DT_FLOAT"
    sizes = [dim["size"] for dim in content["tensor_shape"]["dim"]]
    assert sizes == ["-1", "-1", "-1", "3"]
    assert content["tensor_shape"]["unknown_rank"] is False


@pytest.mark.parametrize("path", ["style", "style/versions/1"])
def test_predict(path, server):
    inputs = {
        "content_image": [CONTENT.tolist()],
        "style_image": [STYLE.tolist()],
    }
    response = requests.post(
        f"{server.rest}/v1/models/{path}:predict",
        json={"signature_name": "serving_default", "inputs": inputs},
    )
    np.testing.assert_allclose(
        response.json()["outputs"][0],
        serving_model.expected(CONTENT, STYLE),
        atol=1e-6,
    )


def test_labels_and_the_case_of_the_path(tmp_path):
    serving_model.export(tmp_path, 3)
    running = Running(tmp_path, labels={"canary": 3})
    try:
        response = requests.post(
            f"{running.rest}/V1/Models/style/labels/canary:Predict",
            json={
                "signature_name": "embed_style",
                "instances": [STYLE.tolist()],
            },
        )
        np.testing.assert_allclose(
            response.json()["predictions"], [STYLE.mean((0, 1))], atol=1e-6
        )
    finally:
        running.close()


def test_a_deadline_of_the_server(tiny_model):
    running = Running(tiny_model, rest_timeout=0.5, running=1)
    block = threading.Event()
    running._loop.call_soon_threadsafe(
        lambda: running._loop.create_task(
            running.server._scheduler.run(lambda _: block.wait(600), None)
        )
    )
    try:
        response = requests.post(
            f"{running.rest}/v1/models/style:predict", json={"inputs": []}
        )
    finally:
        block.set()
        running.close()
    assert response.status_code == 504, response.text
    assert "The time ran out" in response.json()["error"]
