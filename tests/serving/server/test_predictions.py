import logging
import threading

import numpy as np
import pytest

import helpers
from serving import protocol
from serving.style_client import ServingError, StyleClient
from serving_server import Running

PHOTO = helpers.image(8, 8)


def test_beyond_the_queue_requests_are_refused_and_the_others_answered(
    tiny_model,
):
    running = Running(tiny_model, running=1, queued=2)
    outcomes = []

    def ask():
        with StyleClient(running.grpc, attempts=1) as client:
            images = np.zeros((8, 300, 300, 3), np.float32)
            inputs = {"content_image": images, "style_image": images}
            inputs["strength"] = np.ones(8, np.float32)
            for _ in range(4):
                try:
                    client.predict("stylize", inputs)
                    outcomes.append("OK")
                except ServingError as error:
                    outcomes.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with StyleClient(running.grpc) as client:
        client.stylize(PHOTO, PHOTO)
    running.close()
    assert set(outcomes) == {"OK", "RESOURCE_EXHAUSTED"}
    assert outcomes.count("OK") >= 3


def test_each_request_is_logged(server, caplog):
    caplog.set_level(logging.INFO, "serving")
    with StyleClient(server.grpc) as client:
        client.stylize(PHOTO, PHOTO)
        try:
            client.stylize(PHOTO, PHOTO, 7.0)
        except ServingError:
            pass
    good, bad = [r.fields for r in caplog.records if r.msg == "request"]
    assert good.pop("milliseconds") > 0
    assert good == {"model": "style", "entrypoint": "GRPC", "status": "OK"}
    assert bad["status"] == "INVALID_ARGUMENT"
    assert "strength must be in [0, 1]" in bad["error"]


def test_the_log_is_not_as_long_as_a_name(server, caplog):
    caplog.set_level(logging.INFO, "serving")
    with StyleClient(server.grpc, "x" * 2**12) as client:
        with pytest.raises(ServingError, match="NOT_FOUND"):
            client.stylize(PHOTO, PHOTO)
    (line,) = [r.fields for r in caplog.records if r.msg == "request"]
    assert line["model"] == "x" * 200
    assert line["error"].startswith("Servable not found for request: Latest(x")


def test_version_and_signature_are_in_the_answer(server):
    import grpc

    with grpc.insecure_channel(server.grpc) as channel:
        request = protocol.predict_request(
            "style",
            "",
            {"content_image": PHOTO[None], "style_image": PHOTO[None]},
        )
        response = protocol.stub(channel, "Predict")(request)
    assert response.model_spec.name == "style"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
