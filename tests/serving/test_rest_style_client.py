import contextlib
import socketserver
import threading

import numpy as np
import pytest

import helpers
import serving_model
from image_bytes import PNG, decoded, encoded
from serving.rest_style_client import RestStyleClient
from serving.style_client import ServingError
from serving_server import free_port

CONTENT, STYLE = helpers.image(12, 20, 1), helpers.image(16, 8, 2)


@pytest.mark.parametrize("form", ["instances", "inputs"])
def test_both_forms_paint(form, server):
    client = RestStyleClient(server.rest, form=form)
    painted = client.stylize(encoded(CONTENT), encoded(STYLE), 0.5)
    expected = serving_model.expected(CONTENT, STYLE, 0.5)
    np.testing.assert_allclose(decoded(painted), expected, atol=2 / 255)
    embedding = client.embed_style(encoded(STYLE))
    assert embedding.dtype == np.float32
    again = client.apply_style(encoded(CONTENT), embedding, 0.5)
    np.testing.assert_array_equal(decoded(again), decoded(painted))


def test_refusals_say_what_to_do(server):
    with pytest.raises(ServingError, match="strength must be in") as caught:
        RestStyleClient(server.rest).stylize(PNG, PNG, 7.0)
    assert caught.value.code == "INVALID_ARGUMENT"
    for wrong in [{"model": "nope"}, {"version": 9}]:
        with pytest.raises(ServingError, match="GET /v1/models") as caught:
            RestStyleClient(server.rest, **wrong).stylize(PNG, PNG)
        assert caught.value.code == "NOT_FOUND"
    with pytest.raises(ServingError, match="label: canary"):
        RestStyleClient(server.rest, label="canary").stylize(PNG, PNG)


@pytest.mark.parametrize("name", ["a#b", "a?b", "100%", "a b", "a/b:c", "é"])
def test_names_may_have_any_characters(name, server):
    with pytest.raises(ServingError) as caught:
        RestStyleClient(server.rest, name).stylize(PNG, PNG)
    assert f"Latest({name})" in caught.value.text
    with pytest.raises(ServingError) as caught:
        RestStyleClient(server.rest, label=name).stylize(PNG, PNG)
    assert f"version label: {name}" in caught.value.text


def test_closed_port_is_asked_again():
    client = RestStyleClient(f"http://localhost:{free_port()}", attempts=2)
    with pytest.raises(ServingError, match="asked 2 times") as caught:
        client.stylize(PNG, PNG)
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"predictions": []}'])
def test_the_answer_of_another_server(body):
    with answering(b"HTTP/1.1 200 OK\r\n", body) as address:
        client = RestStyleClient(address)
        with pytest.raises(ServingError, match="not the answer of a model"):
            client.stylize(PNG, PNG)


def test_an_answer_that_breaks_off_is_asked_for_again():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"
    with answering(head) as address:
        client = RestStyleClient(address, attempts=2)
        with pytest.raises(ServingError, match="asked 2 times") as caught:
            client.stylize(PNG, PNG)
    assert caught.value.code == "UNAVAILABLE"


def test_a_certificate_that_is_refused_is_named():
    with answering(b"this is no TLS") as address:
        client = RestStyleClient(address.replace("http:", "https:"))
        with pytest.raises(ServingError, match="see tls_ca") as caught:
            client.stylize(PNG, PNG)
    assert caught.value.code == "FAILED_PRECONDITION"


@contextlib.contextmanager
def answering(head, body=None):
    """The address of a server that says the same to everyone, and hangs up."""
    if body is not None:
        head += b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.recv(2**16)
            self.request.sendall(head)

    with socketserver.ThreadingTCPServer(("localhost", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://localhost:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_an_answer_that_is_no_json(server):
    client = RestStyleClient(f"{server.rest}/elsewhere")
    with pytest.raises(ServingError, match="HTTP 404") as caught:
        client.stylize(PNG, PNG)
    assert caught.value.code == "NOT_FOUND"
