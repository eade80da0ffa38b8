"""Bad requests by gRPC: their statuses, and a good answer after each."""

import contextlib
import functools
import socket

import grpc
import numpy as np
import pytest

from image_bytes import CONTENT, JPEG, PNG, STYLE, encoded, png_of_size
from serving import protocol
from serving.style_client import ServingError, StyleClient
from serving_server import ask_well, wait_for

ONE = np.ones(1, np.float32)
ARRAYS = {
    "content_image": CONTENT[None],
    "style_image": STYLE[None],
    "strength": ONE,
}
FILES = {
    "content_image_bytes": [PNG],
    "style_image_bytes": [PNG],
    "strength": ONE,
}
NAN = CONTENT[None].copy()
NAN[0, 0, 0, 0] = np.nan


def request(inputs, signature="stylize", **changes):
    """A `PredictRequest` of inputs, but for those of `changes`."""
    inputs = {k: v for k, v in (inputs | changes).items() if v is not None}
    return protocol.predict_request("style", signature, inputs)


def files(**changes):
    return request(FILES, "stylize_bytes", **changes)


def spec(**fields):
    found = request(ARRAYS)
    version = fields.pop("version", None)
    for name, value in fields.items():
        setattr(found.model_spec, name, value)
    if version is not None:
        found.model_spec.version.value = version
    return found


def unaddressed():
    found = request(ARRAYS)
    found.ClearField("model_spec")
    return found


def filtered(*names):
    found = request(ARRAYS)
    found.output_filter.extend(names)
    return found


def tensor(**fields):
    """A request whose strength is a tensor made by hand."""
    found = request(ARRAYS)
    shape = fields.pop("shape", [1])
    found.inputs["strength"].CopyFrom(protocol.TensorProto(**fields))
    for size in shape:
        found.inputs["strength"].tensor_shape.dim.add(size=size)
    return found


def text_for_all(text, count):
    """A request whose contents are one string, which stands for many."""
    found = request(FILES, "stylize_bytes", content_image_bytes=[text])
    found.inputs["content_image_bytes"].tensor_shape.dim[0].size = count
    return found


BAD = "INVALID_ARGUMENT"
LARGE_TEXT = bytes(2**17)
# Name -> request, status, and a part of the text.
GRPC = {
    "unknown model": (spec(name="nope"), "NOT_FOUND", "Latest(nope)"),
    "no name": (spec(name=""), BAD, "ModelSpec has no name specified."),
    "no model spec": (unaddressed(), BAD, "Missing ModelSpec"),
    "unknown version": (spec(version=9), "NOT_FOUND", "Specific(style, 9)"),
    "negative version": (spec(version=-1), "NOT_FOUND", "(style, -1)"),
    "unknown label": (
        spec(version_label="canary"),
        BAD,
        "Unrecognized servable version label: canary",
    ),
    "unknown signature": (
        spec(signature_name="paint"),
        "FAILED_PRECONDITION",
        'Serving signature key "paint" not found.',
    ),
    "long signature": (
        spec(signature_name="\U0001f3a8" * 1000),
        "FAILED_PRECONDITION",
        "\U0001f3a8...TRUNCATED",
    ),
    "no inputs": (
        protocol.predict_request("style", "stylize", {}),
        BAD,
        "0!=3 len({}) != len({content_image,strength,style_image}).",
    ),
    "missing input": (
        request(ARRAYS, strength=None),
        BAD,
        "Missing but required: {strength}.",
    ),
    "extra input": (request(ARRAYS, mask=ONE), BAD, "Sent extra: {mask}."),
    "wrong input name": (
        request(ARRAYS, strength=None, power=ONE),
        BAD,
        "Sent extra: {power}. Missing but required: {strength}.",
    ),
    "unknown output": (
        filtered("picture"),
        BAD,
        "output tensor alias not found in signature: picture",
    ),
    "output twice": (
        filtered("stylized_image", "stylized_image"),
        BAD,
        "duplicate output tensor alias: stylized_image",
    ),
    "float64": (
        request(ARRAYS, content_image=CONTENT[None].astype(np.float64)),
        BAD,
        "Expects arg[0] to be float but double is provided",
    ),
    "uint8": (
        request(ARRAYS, content_image=np.zeros((1, 8, 8, 3), np.uint8)),
        BAD,
        "to be float but uint8 is provided",
    ),
    "files for pixels": (
        request(ARRAYS, content_image=[PNG]),
        BAD,
        "to be float but string is provided",
    ),
    "pixels for files": (
        files(content_image_bytes=CONTENT[None]),
        BAD,
        "to be string but float is provided",
    ),
    "rank 3": (
        request(ARRAYS, content_image=CONTENT),
        BAD,
        "'content_image' must have shape [?,?,?,3], received [8,9,3]",
    ),
    "four channels": (
        request(ARRAYS, content_image=np.zeros((1, 8, 8, 4), np.float32)),
        BAD,
        "received [1,8,8,4]",
    ),
    "scalar strength": (
        request(ARRAYS, strength=np.float32(1)),
        BAD,
        "'strength' must have shape [?], received []",
    ),
    "two photographs, one style": (
        request(ARRAYS, content_image=np.zeros((2, 8, 8, 3), np.float32)),
        BAD,
        "one style for each",
    ),
    "NaN": (request(ARRAYS, content_image=NAN), BAD, "content has a NaN"),
    "strength 7": (
        request(ARRAYS, strength=7 * ONE),
        BAD,
        "strength must be in [0, 1]",
    ),
    "strength NaN": (
        request(ARRAYS, strength=np.nan * ONE),
        BAD,
        "strength must be in [0, 1]",
    ),
    "empty file": (files(content_image_bytes=[b""]), BAD, "JPEG or PNG"),
    "junk file": (files(content_image_bytes=[b"junk" * 9]), BAD, "JPEG or PNG"),
    "half a JPEG": (
        files(content_image_bytes=[JPEG[: len(JPEG) // 2]]),
        BAD,
        "",
    ),
    "half a PNG": (files(content_image_bytes=[PNG[:40]]), BAD, ""),
    "a PNG of 10 gigapixels": (
        files(content_image_bytes=[png_of_size(100_000, 100_000)]),
        BAD,
        "more pixels than allowed",
    ),
    "a GIF": (
        files(style_image_bytes=[encoded(STYLE, "GIF")]),
        BAD,
        "JPEG or PNG",
    ),
    "too few bytes": (
        tensor(dtype=1, tensor_content=b"\0\0\0"),
        BAD,
        "tensor parsing error: strength: expected 4 bytes",
    ),
    "too many values": (
        tensor(dtype=1, float_val=[1, 1, 1], shape=[2]),
        BAD,
        "expected 2 values for shape (2,), received 3",
    ),
    "negative size": (
        tensor(dtype=1, float_val=[1], shape=[-1]),
        BAD,
        "received (-1,)",
    ),
    "no type": (tensor(float_val=[1]), BAD, "tensor of DT_INVALID"),
    "a resource": (tensor(dtype=20), BAD, "tensor of DT_RESOURCE"),
    "one value for 4 TB": (
        tensor(dtype=1, float_val=[1], shape=[10**6, 10**6]),
        BAD,
        "4000000000000 bytes; 1048576 are allowed",
    ),
    "one string for 8 MB": (
        text_for_all(LARGE_TEXT, 64),
        BAD,
        f"{64 * (8 + len(LARGE_TEXT))} bytes; 1048576 are allowed",
    ),
    "100 MB": (
        request(ARRAYS, content_image=np.zeros((1, 2900, 2900, 3), np.float32)),
        "RESOURCE_EXHAUSTED",
        "larger than max (100",
    ),
}


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.mark.parametrize("name", GRPC)
def test_grpc_refuses(name, channel, alive):
    bad, code, text = GRPC[name]
    with pytest.raises(grpc.RpcError) as caught:
        protocol.stub(channel, "Predict")(bad, timeout=600)
    assert caught.value.code().name == code, caught.value.details()
    assert text in caught.value.details()
    assert len(caught.value.details()) <= 1024


@pytest.mark.parametrize(
    ("method", "fields", "code", "text"),
    [
        ("GetModelStatus", {}, BAD, "Missing ModelSpec"),
        (
            "GetModelStatus",
            {"model_spec": {"name": "nope"}},
            "NOT_FOUND",
            "Could not find any versions of model nope",
        ),
        (
            "GetModelStatus",
            {"model_spec": {"name": "style", "version": {"value": 9}}},
            "NOT_FOUND",
            "Could not find version 9 of model style",
        ),
        (
            "GetModelMetadata",
            {"model_spec": {"name": "style"}},
            BAD,
            "must specify at least one metadata_field",
        ),
        (
            "GetModelMetadata",
            {"model_spec": {}, "metadata_field": ["signature_def"]},
            BAD,
            "ModelSpec has no name specified.",
        ),
        (
            "GetModelMetadata",
            {"model_spec": {"name": "style"}, "metadata_field": ["weights"]},
            BAD,
            "Metadata field weights is not supported",
        ),
    ],
)
def test_the_other_methods_refuse(method, fields, code, text, channel, alive):
    bad = protocol.METHODS[method][1](**fields)
    with pytest.raises(grpc.RpcError) as caught:
        protocol.stub(channel, method)(bad, timeout=600)
    assert caught.value.code().name == code
    assert text in caught.value.details()


@pytest.mark.parametrize(
    ("method", "code"),
    [("Predict", "INTERNAL"), ("Paint", "UNIMPLEMENTED")],
    ids=["junk message", "unknown method"],
)
def test_junk_by_grpc(method, code, channel, alive):
    call = channel.unary_unary(
        f"/tensorflow.serving.PredictionService/{method}"
    )
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=600)
    assert caught.value.code().name == code


def large(server):
    """A request that takes a second, within the limits of the fixture."""
    names = 32
    return {
        "content_image_bytes": [encoded(np.zeros((1200, 1200, 3)))] * names,
        "style_image_bytes": [PNG] * names,
        "strength": np.ones(names, np.float32),
    }


def test_a_deadline_of_1_ms(server, alive):
    with StyleClient(server.grpc, timeout=0.001) as client:
        with pytest.raises(ServingError) as caught:
            client.predict("stylize_bytes", large(server))
    assert caught.value.code == "DEADLINE_EXCEEDED"


def test_a_cancelled_call(channel, alive, server):
    asked = protocol.predict_request("style", "stylize_bytes", large(server))
    computed = server.server._scheduler._busy
    wait_for(lambda: not computed)
    future = protocol.stub(channel, "Predict").future(asked, timeout=600)
    wait_for(lambda: computed)
    future.cancel()
    with pytest.raises(grpc.FutureCancelledError):
        future.result(timeout=600)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"PRI * HTTP/2.0\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(200)),
    ],
    ids=["silent", "half a preface", "HTTP 1", "junk frames"],
)
def test_half_open_connections(sent, server, alive):
    address = ("localhost", server.server.port)
    with contextlib.ExitStack() as stack:
        connect = functools.partial(socket.create_connection, address)
        opened = [stack.enter_context(connect()) for _ in range(20)]
        opened[0].sendall(sent)
        ask_well(server)
