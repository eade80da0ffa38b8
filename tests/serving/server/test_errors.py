import grpc

from serving.server.errors import HTTP, StatusError


def test_long_texts_are_cut_as_by_tensorflow_serving():
    text = str(StatusError("INTERNAL", "x" * 5000))
    assert len(text) == 1024
    assert text.endswith("x...TRUNCATED")


def test_texts_are_cut_by_bytes_between_characters():
    text = str(StatusError("INTERNAL", "a" + "\U0001f3a8" * 5000))
    assert 1020 < len(text.encode()) <= 1024
    assert text.endswith("\U0001f3a8...TRUNCATED")
    assert str(StatusError("INTERNAL", "\U0001f3a8")) == "\U0001f3a8"


def test_every_status_is_one_of_grpc():
    assert set(HTTP) <= {code.name for code in grpc.StatusCode}
    assert all(400 <= status < 600 for status in HTTP.values())
