import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
from concurrent import futures

import grpc
import numpy as np
import pytest

import helpers
import programs
import serving
import serving_model
from image_bytes import PNG, decoded, encoded
from serving.rest_style_client import RestStyleClient
from serving.style_client import ServingError, StyleClient, refusal

CONTENT, STYLE = helpers.image(12, 20, 1), helpers.image(16, 8, 2)


@pytest.fixture(scope="module")
def client(server):
    with StyleClient(server.grpc) as client:
        yield client


def test_three_files_are_enough_in_a_folder_of_that_name(tmp_path):
    source, copy = pathlib.Path(serving.__file__).parent, tmp_path / "serving"
    copy.mkdir()
    (copy / "__init__.py").touch()  # Else Python prefers a package elsewhere.
    for name in ("style_client.py", "protocol.py", "messages.py"):
        shutil.copy(source / name, copy)
    code = "from serving import style_client as s; print(s.__file__)"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
    )
    assert process.stdout == f"{copy / 'style_client.py'}\n", process.stderr


def test_arrays(client):
    painted = client.stylize(CONTENT, STYLE, strength=0.25)
    expected = serving_model.expected(CONTENT, STYLE, 0.25)
    np.testing.assert_allclose(painted, expected, atol=1e-6)


def test_embedding_once_gives_the_same(client):
    embedding = client.embed_style(STYLE)
    np.testing.assert_allclose(embedding, STYLE.mean((0, 1)), atol=1e-6)
    np.testing.assert_array_equal(
        client.apply_style(CONTENT, embedding, 0.5),
        client.stylize(CONTENT, STYLE, 0.5),
    )


def test_files(client):
    painted = client.stylize(encoded(CONTENT), encoded(STYLE), 0.5)
    expected = serving_model.expected(CONTENT, STYLE, 0.5)
    # To whole numbers three times: content, style, answer.
    np.testing.assert_allclose(decoded(painted), expected, atol=2 / 255)
    embedding = client.embed_style(encoded(STYLE))
    again = client.apply_style(encoded(CONTENT), embedding, 0.5)
    np.testing.assert_array_equal(decoded(again), decoded(painted))


@pytest.mark.parametrize("wrong", ["dog.jpg", pathlib.Path("dog.jpg"), None])
def test_images_are_bytes_or_arrays(wrong, client):
    calls = [
        lambda: client.stylize(wrong, STYLE),
        lambda: client.stylize(CONTENT, wrong),
        lambda: client.embed_style(wrong),
        lambda: client.apply_style(wrong, np.zeros(3)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"`Path\(\.\.\.\)\.read_bytes"):
            call()


def test_batches_of_files_of_different_sizes(client):
    contents = [encoded(helpers.image(8 + i, 30 - i, i)) for i in range(3)]
    painted = client.predict(
        "stylize_bytes",
        {
            "content_image_bytes": contents,
            "style_image_bytes": [encoded(STYLE)] * 3,
            "strength": np.zeros(3, np.float32),
        },
    )["stylized_image_bytes"]
    for before, after in zip(contents, painted, strict=True):
        np.testing.assert_array_equal(decoded(after), decoded(before))


def test_status_and_signatures(client):
    assert client.status() == {1: "AVAILABLE"}
    signatures = client.signatures()
    dims = signatures["stylize"].inputs["content_image"].tensor_shape.dim
    assert [dim.size for dim in dims] == [-1, -1, -1, 3]


def test_answers_above_the_limit_of_grpc_itself(tiny_model):
    from serving_server import Running

    running = Running(tiny_model)
    try:
        with StyleClient(running.grpc) as client:
            large = np.zeros((700, 700, 3), np.float32)  # 5.6 MiB.
            assert client.stylize(large, STYLE).shape == large.shape
    finally:
        running.close()


def test_unknown_model_is_not_asked_again(server):
    with StyleClient(server.grpc, "nope") as client:
        with pytest.raises(ServingError, match="GET /v1/models") as caught:
            client.stylize(PNG, PNG)
    assert caught.value.code == "NOT_FOUND"
    assert "times" not in str(caught.value)


def test_closed_port_is_asked_again():
    from serving_server import free_port

    with StyleClient(f"localhost:{free_port()}", attempts=3) as client:
        with pytest.raises(ServingError, match="asked 3 times") as caught:
            client.stylize(PNG, PNG)
    assert caught.value.code == "UNAVAILABLE"
    assert "Is it running" in str(caught.value)


def test_a_server_that_cancels_is_asked_again():
    """As gRPC's own servers do with some requests while they stop."""

    class Stopping(grpc.GenericRpcHandler):
        def service(self, unused_details):
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.CANCELLED, "")
            )

    with futures.ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, [Stopping()])
        port = server.add_insecure_port("localhost:0")
        server.start()
        with StyleClient(f"localhost:{port}", attempts=2) as client:
            with pytest.raises(ServingError, match="asked 2 times") as caught:
                client.stylize(PNG, PNG)
        server.stop(None).wait()
    assert caught.value.code == "UNAVAILABLE"


def test_server_that_starts_late_is_found(tiny_model):
    from serving_server import Running, free_port

    port, running = free_port(), []
    later = threading.Timer(
        0.8, lambda: running.append(Running(tiny_model, port=port))
    )
    later.start()
    with StyleClient(f"localhost:{port}", attempts=1000, timeout=600) as client:
        assert client.stylize(PNG, PNG)
    running[0].close()


def test_deadline_holds_when_nothing_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        # Without one it would wait for ever.
        with StyleClient(address, timeout=0.5) as client:
            with pytest.raises(ServingError):
                client.stylize(PNG, PNG)


@pytest.mark.parametrize("kind", [StyleClient, RestStyleClient])
def test_a_version_and_a_label_exclude_each_other(kind):
    with pytest.raises(ValueError, match="either `version` or `label`"):
        kind("localhost:1", version=0, label="canary")


def test_versions_and_labels(tmp_path):
    from serving_server import Running

    for version, scale in [(1, 1.0), (2, 0.5)]:
        serving_model.export(tmp_path, version, scale)
    running = Running(tmp_path, latest=2, labels={"stable": 1, "canary": 2})
    try:
        for which, scale in [
            ({}, 0.5),
            ({"version": 1}, 1.0),
            ({"label": "stable"}, 1.0),
            ({"label": "canary"}, 0.5),
        ]:
            with StyleClient(running.grpc, **which) as client:
                painted = client.stylize(CONTENT, STYLE, 0.0)
                assert np.allclose(painted, scale * CONTENT), which
    finally:
        running.close()


@pytest.mark.parametrize(
    ("check", "node", "sentence"),
    [
        ("[At least 16. Received:] [1 1]", "", "At least 16. Received: [1 1]"),
        (
            "[At most 1. Received:] [2]",
            "{{function_node f}}",
            "1. Received: [2]",
        ),
        (
            "[a must have shape [any, 3]. Received:] [4, 4]",
            "{{function_node f}}",
            "a must have shape [any, 3]. Received: [4, 4]",
        ),
        ("[b must be in [0, 1]]", "", "b must be in [0, 1]"),
    ],
)
def test_a_failed_check_is_a_sentence(check, node, sentence):
    details = f"assertion failed: {check}\n\t [[{node}{{{{node map/Assert}}}}]]"
    error = refusal("host:1", "style", "INTERNAL", details)
    assert error.text.startswith("host:1 answered INTERNAL for model 'style': ")
    assert error.text.endswith(sentence) and "assertion" not in error.text


def test_other_refusals_are_one_line():
    error = refusal("host:1", "style", "INTERNAL", "no\n model")
    assert error.text.endswith(": no model")
