import types

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import helpers
import serving_model
from serving import protocol
from serving.style_client import StyleClient
from serving_server import Running

CONTENT, STYLE = helpers.image(10, 12, 1), helpers.image(7, 9, 2)


@pytest.mark.parametrize("service", ["", "PredictionService", "ModelService"])
def test_health(service, server):
    with grpc.insecure_channel(server.grpc) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        answer = health.Check(request)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("tensor_content", [False, True])
def test_arrays_are_answered_in_either_way(tensor_content, tiny_model):
    running = Running(tiny_model, tensor_content=tensor_content)
    inputs = {"content_image": CONTENT[None], "style_image": STYLE[None]}
    request = protocol.predict_request("style", "", inputs)
    try:
        with grpc.insecure_channel(running.grpc) as channel:
            response = protocol.stub(channel, "Predict")(request)
    finally:
        running.close()
    tensor = response.outputs["stylized_image"]
    assert bool(tensor.tensor_content) == tensor_content
    assert bool(tensor.float_val) != tensor_content
    np.testing.assert_allclose(
        protocol.to_array(tensor)[0],
        serving_model.expected(CONTENT, STYLE),
        atol=1e-6,
    )


def test_a_client_of_other_people(server):
    ovmsclient = pytest.importorskip("ovmsclient")
    client = ovmsclient.make_grpc_client(server.grpc)
    assert client.get_model_status("style")[1]["state"] == "AVAILABLE"
    metadata = client.get_model_metadata("style")
    assert metadata["inputs"]["content_image"] == {
        "shape": [-1, -1, -1, 3],
        "dtype": "DT_FLOAT",
    }
    inputs = {"content_image": CONTENT[None], "style_image": STYLE[None]}
    painted = client.predict(inputs, "style")
    np.testing.assert_allclose(
        painted[0], serving_model.expected(CONTENT, STYLE), atol=1e-6
    )
    with pytest.raises(ovmsclient.tfs_compat.base.errors.ModelNotFoundError):
        client.predict(inputs, "nope")


def test_a_rest_client_of_other_people(server):
    ovmsclient = pytest.importorskip("ovmsclient")
    client = ovmsclient.make_http_client(server.rest.removeprefix("http://"))
    inputs = {"content_image": CONTENT[None], "style_image": STYLE[None]}
    painted = client.predict(inputs, "style")
    np.testing.assert_allclose(
        painted[0], serving_model.expected(CONTENT, STYLE), atol=1e-6
    )


def test_the_official_stub(server):
    apis = pytest.importorskip(
        "tensorflow_serving.apis",
        reason="needs pip install --no-deps tensorflow-serving-api",
    )
    import tensorflow as tf
    from tensorflow_serving.apis import (
        get_model_metadata_pb2,
        predict_pb2,
        prediction_service_pb2_grpc,
    )

    assert apis
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "style"
    request.inputs["content_image"].CopyFrom(
        tf.make_tensor_proto(CONTENT[None])
    )
    request.inputs["style_image"].CopyFrom(tf.make_tensor_proto(STYLE[None]))
    asked = get_model_metadata_pb2.GetModelMetadataRequest(
        metadata_field=["signature_def"]
    )
    asked.model_spec.name = "style"
    with grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        response = stub.Predict(request)
        metadata = stub.GetModelMetadata(asked).metadata["signature_def"]
    np.testing.assert_allclose(
        tf.make_ndarray(response.outputs["stylized_image"])[0],
        serving_model.expected(CONTENT, STYLE),
        atol=1e-6,
    )
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert metadata.Unpack(signatures)
    assert "stylize_bytes" in signatures.signature_def


def test_a_port_that_is_taken(server, tiny_model):
    with pytest.raises(OSError, match="Cannot bind .* --port"):
        Running(tiny_model, port=server.server.port)


def test_an_address_of_another_machine(tiny_model):
    with pytest.raises(OSError, match="Cannot bind .* --host must be an addr"):
        Running(tiny_model, host="192.0.2.1")


def test_a_certificate_that_is_none(tiny_model):
    text = "-----BEGIN NOTHING-----"
    ssl = types.SimpleNamespace(
        server_key=text, server_cert=text, custom_ca="", client_verify=False
    )
    with pytest.raises(OSError, match="certificate of --ssl_config_file"):
        Running(tiny_model, ssl=ssl)


def test_large_requests_are_the_servers_choice(tiny_model):
    running = Running(tiny_model, max_bytes=8 * 2**20)
    large = np.zeros((700, 700, 3), np.float32)
    try:
        with StyleClient(running.grpc) as client:
            assert client.stylize(large, STYLE, 0.0).shape == large.shape
    finally:
        running.close()
