"""An exported model behind the development server: the Keras model's answers.

By gRPC, by REST, and by a client of other people. Skipped where there is no
serving/.
"""

import base64
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import requests

import programs
from tfstyle.export import known_answers, prediction_log, saved_model
from tfstyle.export.signatures import Signatures

protocol = pytest.importorskip("serving.protocol", reason="needs serving/")
grpc = pytest.importorskip("grpc", reason="needs tfstyle[serving]")

ROOT = pathlib.Path(__file__).parents[2]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def ports(served):
    """Those of gRPC and REST of a server of the model `style`."""
    port, rest_port = free_port(), free_port()
    command = [
        "serving.dev_server",
        "--model_name=style",
        f"--model_base_path={served.parent}",
        f"--port={port}",
        f"--rest_api_port={rest_port}",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_until_available(rest_port)
            yield port, rest_port
        finally:
            server.send_signal(signal.SIGTERM)


def wait_until_available(port):
    url = f"http://127.0.0.1:{port}/v1/models/style"
    for _ in range(10 * programs.PATIENCE):
        time.sleep(0.1)
        try:
            if "AVAILABLE" in requests.get(url, timeout=60).text:
                return
        except requests.ConnectionError:
            pass
    pytest.fail("the server did not become available")


@pytest.fixture(scope="module")
def known(served):
    records = prediction_log.read(served / saved_model.KNOWN_ANSWERS)
    return {record.signature: record for record in records}


@pytest.mark.parametrize("signature", Signatures.NAMES)
def test_by_grpc(ports, known, signature):
    record = known[signature]
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        request = protocol.predict_request("style", signature, record.inputs)
        answer = protocol.stub(channel, "Predict")(request, 60)
    outputs = {k: protocol.to_array(x) for k, x in answer.outputs.items()}
    assert known_answers.check(record, outputs) < 1e-5


def as_json(array):
    if array.dtype == object:
        return [{"b64": base64.b64encode(data).decode()} for data in array]
    return array.tolist()


@pytest.mark.parametrize("signature", Signatures.NAMES)
def test_by_rest(ports, known, signature):
    record = known[signature]
    inputs = {name: as_json(array) for name, array in record.inputs.items()}
    answer = requests.post(
        f"http://127.0.0.1:{ports[1]}/v1/models/style:predict",
        json={"signature_name": signature, "inputs": inputs},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    values = answer.json()["outputs"]
    ((name, expected),) = record.outputs.items()
    if expected.dtype == object:
        values = [base64.b64decode(value["b64"]) for value in values]
    outputs = {name: np.array(values, expected.dtype)}
    assert known_answers.check(record, outputs) < 1e-5


def test_by_a_client_of_other_people(ports, known):
    ovmsclient = pytest.importorskip("ovmsclient", reason="needs ovmsclient")
    record = known["serving_default"]
    client = ovmsclient.make_grpc_client(f"127.0.0.1:{ports[0]}")
    painted = client.predict(dict(record.inputs), "style")
    assert known_answers.check(record, {"stylized_image": painted}) < 1e-5


def test_what_is_wrong_is_said(ports, known):
    record = known["stylize"]
    inputs = {**record.inputs, "strength": np.float32([7, 1])}
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        request = protocol.predict_request("style", "stylize", inputs)
        with pytest.raises(grpc.RpcError) as caught:
            protocol.stub(channel, "Predict")(request, 60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "strength must be from 0 to 1" in caught.value.details()
