"""Bad requests by REST: their statuses, and a good answer after each."""

import base64
import contextlib
import functools
import json
import select
import socket

import pytest
import requests

from image_bytes import PNG
from serving_server import Running, ask_well, wait_for


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


ROW = {
    "content_image_bytes": b64(PNG),
    "style_image_bytes": b64(PNG),
    "strength": 1.0,
}
PIXEL = [[[0.0, 0.5, 1.0]]]


def row(**changes):
    return {
        "signature_name": "stylize_bytes",
        "instances": [ROW | changes],
    }


def column(**changes):
    inputs = {"content_image": [PIXEL], "style_image": [PIXEL]} | changes
    return {"inputs": {k: v for k, v in inputs.items() if v is not None}}


# Name -> body, HTTP status, and a part of the text.
REST = {
    "empty": (b"", 400, "JSON Parse error"),
    "junk": (b"\xff\xfe{", 400, "JSON Parse error"),
    "half": (b'{"instances": [', 400, "JSON Parse error"),
    "a list": ([1], 400, "Is not object"),
    "neither form": ({}, 400, "Missing 'inputs' or 'instances' key"),
    "both forms": ({"inputs": [], "instances": []}, 400, "only one of"),
    "deeply nested": (b'{"inputs":' + b"[" * 10**5, 400, "JSON Parse error"),
    "500 lists": (
        b'{"signature_name": "embed_style_bytes", "inputs": '
        + b"[" * 500
        + b"]" * 500
        + b"}",
        400,
        "type: string",
    ),
    "half a letter": (row(content_image_bytes="\ud800"), 400, "type: string"),
    "ragged files": (
        {
            "signature_name": "embed_style_bytes",
            "inputs": [[b64(PNG)], [b64(PNG), b64(PNG)]],
        },
        400,
        "differ in length",
    ),
    "signature 5": (row() | {"signature_name": 5}, 400, "must be a string"),
    "unknown signature": (
        row() | {"signature_name": "paint"},
        400,
        'signature key "paint" not found',
    ),
    "no rows": (row() | {"instances": []}, 400, "with values"),
    "plain row": (row() | {"instances": [1]}, 400, "plain list"),
    "mixed rows": (row() | {"instances": [ROW, 1]}, 400, "element: 1"),
    "extra key": (row(mask=1), 400, "keys must be equal to"),
    "text for a number": (row(strength="1"), 400, "type: float"),
    "null": (row(strength=None), 400, "type: float"),
    "true for a number": (row(strength=True), 400, "type: float"),
    "too large": (row(strength=1e300), 400, "out of range"),
    "strength 7": (row(strength=7), 400, "strength must be in [0, 1]"),
    "not base64": (
        row(content_image_bytes={"b64": "a-_"}),
        400,
        "Unable to base64 decode",
    ),
    "number for bytes": (row(content_image_bytes=5), 400, "type: string"),
    "junk image": (row(content_image_bytes=b64(b"x")), 400, "JPEG or PNG"),
    "plain column": ({"inputs": [1]}, 400, "plain value/list"),
    "missing column": (
        column(style_image=None),
        400,
        "Missing named input: style_image",
    ),
    "ragged": (column(content_image=[[[[1], [1, 2]]]]), 400, "type: float"),
    "wrong rank": (column(content_image=PIXEL), 400, "must have shape"),
    "too long": (b" " * (2**20 + 1), 413, "exceeded"),
}


@pytest.mark.parametrize("name", REST)
def test_rest_refuses(name, server, alive):
    body, status, text = REST[name]
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    url = f"{server.rest}/v1/models/style:predict"
    response = requests.post(url, body, timeout=600)
    assert response.status_code == status, response.text
    assert text in response.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "models/nope:predict", 404, "Latest(nope)"),
        ("POST", "models/style/versions/9:predict", 404, "(style, 9)"),
        ("POST", "models/style/labels/new:predict", 400, "label: new"),
        ("POST", f"models/style/versions/{'9' * 5000}:predict", 400, "Malf"),
        ("POST", "models/style:classify", 501, "Only :predict"),
        ("POST", "models/style", 400, "Malformed request: POST"),
        ("GET", "models/style:predict", 400, "Malformed request: GET"),
        ("DELETE", "models/style", 400, "Malformed request: DELETE"),
        ("GET", "models", 400, "Missing model name in request."),
        ("GET", "models/nope", 404, "any versions of model nope"),
        ("GET", "models/style/versions/9", 404, "version 9 of model style"),
        ("GET", "models/nope/metadata", 404, "Latest(nope)"),
    ],
)
def test_rest_refuses_addresses(method, path, status, text, server, alive):
    body = json.dumps(row())
    response = requests.request(
        method, f"{server.rest}/v1/{path}", data=body, timeout=600
    )
    assert response.status_code == status, response.text
    assert text in response.json()["error"]


UNFINISHED = (
    b"POST /v1/models/style:predict HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 1000\r\n\r\n{"
)


def test_a_body_that_ends_early(server, alive):
    address = ("localhost", server.server.rest_port)
    with socket.create_connection(address) as half:
        half.sendall(UNFINISHED)
        ask_well(server)


def test_a_body_that_is_not_packed_as_it_says(server, alive):
    response = requests.post(
        f"{server.rest}/v1/models/style:predict",
        b"{}",
        headers={"Content-Encoding": "gzip"},
        timeout=600,
    )
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_body_that_does_not_come(tiny_model):
    running = Running(tiny_model, rest_timeout=0.2)
    address = ("localhost", running.server.rest_port)
    try:
        with socket.create_connection(address, 600) as half:
            half.sendall(UNFINISHED)
            answer = half.recv(4096)
    finally:
        running.close()
    assert answer.split()[1] == b"504"


def test_many_bodies_that_do_not_come(tiny_model):
    running = Running(tiny_model, rest_timeout=600, running=1, queued=0)
    address = ("localhost", running.server.rest_port)
    url = f"{running.rest}/v1/models/style:predict"
    try:
        with contextlib.ExitStack() as stack:
            connect = functools.partial(socket.create_connection, address)
            opened = [stack.enter_context(connect()) for _ in range(70)]
            for connection in opened:
                connection.sendall(UNFINISHED)
            # As many as 65 are read at a time.
            wait_for(lambda: len(answered(opened)) >= 5)
            assert requests.post(url, b"{}").status_code == 429
            answers = [sock.recv(4096) for sock in answered(opened)]
        wait_for(lambda: requests.post(url, b"{}").status_code == 400)
    finally:
        running.close()
    assert [answer.split()[1] for answer in answers] == [b"429"] * 5


def answered(connections):
    return select.select(connections, [], [], 0)[0]
