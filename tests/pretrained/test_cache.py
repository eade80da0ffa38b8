import hashlib
import http.server
import pwd
import socket
import threading

import pytest

from tfstyle.pretrained import cache

CONTENT = bytes(range(200))
DIGEST = "md5:" + hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty caches, and no proxy between the tests and their servers."""
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def serve(monkeypatch):
    """Publishes the file at a server of this process that sends `content`."""
    servers = []

    def start(content, status=200, length=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (the name that http.server calls)
                self.send_response(status)
                self.send_header("Content-Length", str(length or len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *unused):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(
            target=server.serve_forever, args=[0.02], daemon=True
        ).start()
        return published(server.server_port)

    monkeypatch.delenv("TFSTYLE_OFFLINE")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def published(port=9):
    return cache.WeightsFile(
        "vgg16", f"http://127.0.0.1:{port}/vgg16.h5", DIGEST, "CC BY 4.0"
    )


def put(folder, content=CONTENT):
    path = folder / published().filename
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def failure(file, match):
    """The message of the failed search, which must have three lines."""
    with pytest.raises(cache.MissingWeightsError, match=match) as caught:
        cache.resolve(file)
    message = str(caught.value)
    first, second, third = message.splitlines()
    assert file.url in first
    assert str(cache.folder() / "vgg16.h5") in second
    assert "--feature_weights=PATH" in third
    left = cache.folder().glob("**/*")
    assert not [path for path in left if path.name not in message]
    return message


def test_cache_is_in_the_folder_of_the_user(monkeypatch):
    monkeypatch.delenv("TFSTYLE_HOME")
    assert cache.folder().name == "tfstyle"


def test_a_user_without_a_home_is_told_of_the_variable(monkeypatch):
    for name in ("TFSTYLE_HOME", "KERAS_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    for search in (cache.find, cache.resolve):
        with pytest.raises(FileNotFoundError, match="Set TFSTYLE_HOME to a"):
            search(published())
    monkeypatch.setenv("TFSTYLE_HOME", "downloads")
    assert cache.find(published()) is None


@pytest.mark.parametrize(
    ("content", "is_published"), [(CONTENT, True), (b"another", False)]
)
def test_own_file_is_used_and_says_whether_it_is_the_published_one(
    content, is_published, tmp_path
):
    path = tmp_path / "own.h5"
    path.write_bytes(content)
    found = cache.resolve(published(), path)
    digest = "md5:" + hashlib.md5(content).hexdigest()
    assert found == cache.Resolved("vgg16", path, digest, is_published)


def test_what_cannot_be_read_is_no_copy(tmp_path):
    path = cache.folder() / published().filename
    path.parent.mkdir(parents=True)
    assert cache.unusable(published()) == []
    path.symlink_to("/proc/self/mem")  # Nobody may read it from its start.
    assert cache.find(published()) is None
    assert cache.unusable(published()) == [path]


def test_missing_path_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights file.*nowhere.h5"):
        cache.resolve(published(), tmp_path / "nowhere.h5")


def test_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder.*such as vgg16.h5"):
        cache.resolve(published(), tmp_path)


def test_file_in_the_cache_is_used():
    path = put(cache.folder())
    found = cache.resolve(published())
    assert found == cache.Resolved("vgg16", path, DIGEST, published=True)


def test_file_in_the_cache_of_keras_is_used(tmp_path):
    path = put(tmp_path / "keras" / "models")
    assert cache.resolve(published()).path == path


def test_offline_says_which_file_to_put_where():
    failure(published(), "TFSTYLE_OFFLINE forbids downloads")


def test_truncated_file_in_the_cache_is_never_used():
    path = put(cache.folder(), CONTENT[:-1])
    assert str(path) in failure(published(), "not the published file: ")


def test_download_is_checked_and_kept(serve, monkeypatch, capfd):
    file = serve(CONTENT)
    found = cache.resolve(file)
    expected = cache.folder() / "vgg16.h5"
    assert found == cache.Resolved("vgg16", expected, DIGEST, True)
    monkeypatch.setenv("TFSTYLE_OFFLINE", "1")
    assert cache.resolve(file) == found
    assert capfd.readouterr() == ("", "")


def test_download_draws_a_bar_when_asked(serve, capfd):
    cache.resolve(serve(CONTENT), progressbar=True)
    assert "100%" in capfd.readouterr().err


def test_download_replaces_a_wrong_file(serve):
    path = put(cache.folder(), b"half")
    assert cache.resolve(serve(CONTENT)).path == path
    assert path.read_bytes() == CONTENT


def test_download_of_another_file_is_refused(serve):
    page = b"<html>Please log in to the wireless network.</html>"
    failure(serve(page), "published hash")


def test_truncated_download_is_refused(serve):
    file = serve(CONTENT[:100], length=len(CONTENT))
    failure(file, "100 bytes read|published hash")


def test_http_error_is_said(serve):
    failure(serve(b"", status=503), "503 Server Error")


def test_refused_connection_is_said(monkeypatch):
    monkeypatch.delenv("TFSTYLE_OFFLINE")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failure(published(port), "the connection failed: .*refused")


def test_silent_server_fails_in_time(monkeypatch):
    assert cache._TIMEOUT <= 5  # Twice in a row at most: within 10 s.
    monkeypatch.delenv("TFSTYLE_OFFLINE")
    monkeypatch.setattr(cache, "_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        failure(published(server.getsockname()[1]), "no answer within 0.3 s")


def test_folder_that_cannot_be_written_is_said(serve, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path / "file" / "home"))
    failure(serve(CONTENT), "Not a directory|File exists")
