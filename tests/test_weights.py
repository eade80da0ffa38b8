import dataclasses
import hashlib
import http.server
import importlib.util
import pathlib
import re
import shutil
import socket
import threading
import time

import h5py
import numpy as np
import pytest

import helpers
from tfstyle import weights

KERNEL = np.arange(3 * 3 * 3 * 64, dtype="float32").reshape(3, 3, 3, 64)
BIAS = np.arange(64, dtype="float32")


def write(path, kernel=KERNEL, bias=BIAS, names=("W_1:0", "b_1:0")):
    """A file with the first convolution only, in one of the layouts."""
    with h5py.File(path, "w") as file:
        group = file.create_group("block1_conv1")
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, array in zip(names, (kernel, bias), strict=True):
            group[name] = array
    return path


def digest(path):
    return "md5:" + hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """Empty caches, and no proxy between the tests and their servers."""
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Makes a tiny file the published one of VGG16; gives its path."""
    path = write(tmp_path / "published.h5")
    file = dataclasses.replace(weights.FILES["vgg16"], digest=digest(path))
    monkeypatch.setitem(weights.FILES, "vgg16", file)
    return path


@pytest.fixture
def serve(monkeypatch):
    """Publishes VGG16 at a server of this process that sends `content`."""
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
        publish_at(server.server_port, monkeypatch)
        return server

    monkeypatch.delenv("TFSTYLE_OFFLINE")
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def publish_at(port, monkeypatch):
    file = dataclasses.replace(
        weights.FILES["vgg16"], url=f"http://127.0.0.1:{port}/vgg16.h5"
    )
    monkeypatch.setitem(weights.FILES, "vgg16", file)


def put(published, folder):
    path = pathlib.Path(folder) / weights.FILES["vgg16"].filename
    path.parent.mkdir(parents=True)
    shutil.copy(published, path)
    return path


def failure(match):
    """The message of the failed search, which must have three lines."""
    with pytest.raises(weights.MissingWeightsError, match=match) as caught:
        weights.resolve("vgg16")
    message = str(caught.value)
    first, second, third = message.splitlines()
    assert weights.FILES["vgg16"].url in first
    assert str(weights.cache_dir() / weights.FILES["vgg16"].filename) in second
    assert "--feature_weights=PATH" in third
    left = weights.cache_dir().glob("**/*")
    assert not [path for path in left if path.name not in message]
    return message


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_shapes_are_those_of_the_network(name):
    actual = {layer: s[2:] for layer, s in weights.shapes(name).items()}
    assert list(actual.items()) == list(helpers.vgg_layers(name).items())


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_published_files_are_those_of_keras(name):
    # The text, because to import it would load TensorFlow.
    root = pathlib.Path(importlib.util.find_spec("keras").origin).parent
    source = (root / "src" / "applications" / f"{name}.py").read_text()
    joined = re.sub(r'"\s+"', "", source)
    file = weights.FILES[name]
    assert f'"{file.url}"' in joined
    assert f'file_hash="{file.digest.removeprefix("md5:")}"' in joined


def test_cache_is_in_the_folder_of_the_user(monkeypatch):
    monkeypatch.delenv("TFSTYLE_HOME")
    assert weights.cache_dir().name == "tfstyle"


def test_own_file_says_that_it_is_not_the_published_one(tmp_path):
    path = write(tmp_path / "own.h5")
    found = weights.resolve("vgg16", path)
    assert found == weights.Resolved(path, digest(path), published=False)


def test_own_copy_of_the_published_file_is_known(published):
    assert weights.resolve("vgg16", published).published


def test_file_in_the_cache_is_used(published):
    path = put(published, weights.cache_dir())
    found = weights.resolve("vgg16")
    assert found == weights.Resolved(path, digest(path), published=True)


def test_file_in_the_cache_of_keras_is_used(published, tmp_path):
    path = put(published, tmp_path / "keras" / "models")
    assert weights.resolve("vgg16").path == path


def test_offline_says_which_file_to_put_where(published):
    assert "TFSTYLE_OFFLINE" in failure("forbids downloads")


def test_truncated_file_in_the_cache_is_never_used(published):
    path = put(published, weights.cache_dir())
    path.write_bytes(published.read_bytes()[:-1])
    assert str(path) in failure("not the published file: ")


def test_download_is_checked_and_kept(published, serve, capfd):
    server = serve(published.read_bytes())
    found = weights.resolve("vgg16")
    assert found == weights.Resolved(
        weights.cache_dir() / "vgg16.h5", digest(published), published=True
    )
    server.shutdown()
    assert weights.resolve("vgg16") == found
    assert capfd.readouterr() == ("", "")


def test_download_draws_a_bar_when_asked(published, serve, capfd):
    serve(published.read_bytes())
    weights.resolve("vgg16", progressbar=True)
    assert "100%" in capfd.readouterr().err


def test_download_replaces_a_wrong_file(published, serve):
    serve(published.read_bytes())
    put(published, weights.cache_dir()).write_bytes(b"half")
    assert digest(weights.resolve("vgg16").path) == digest(published)


def test_download_of_another_file_is_refused(published, serve):
    serve(b"<html>Please log in to the wireless network.</html>")
    failure("published hash")


def test_truncated_download_is_refused(published, serve):
    content = published.read_bytes()
    serve(content[:100], length=len(content))
    failure("100 bytes read|published hash")


def test_http_error_is_said(published, serve):
    serve(b"", status=503)
    failure("503 Server Error")


def test_refused_connection_is_said(published, monkeypatch):
    monkeypatch.delenv("TFSTYLE_OFFLINE")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    publish_at(port, monkeypatch)
    failure("the connection failed: .*refused")


def test_silent_server_fails_in_time(published, monkeypatch):
    assert weights._TIMEOUT <= 5  # Twice in a row at most: within 10 s.
    monkeypatch.delenv("TFSTYLE_OFFLINE")
    monkeypatch.setattr(weights, "_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        publish_at(server.getsockname()[1], monkeypatch)
        start = time.monotonic()
        failure("no answer within 0.3 s")
        assert time.monotonic() - start < 1


def test_folder_that_cannot_be_written_is_said(published, serve, monkeypatch):
    serve(published.read_bytes())
    monkeypatch.setenv("TFSTYLE_HOME", str(published / "home"))
    failure("Not a directory|File exists")


@pytest.mark.parametrize(
    "names",
    [
        ("block1_conv1_W_1:0", "block1_conv1_b_1:0"),
        ("block1_conv1_kernel", "block1_conv1_bias"),
        ("block1_conv1/kernel:0", "block1_conv1/bias:0"),
    ],
)
def test_layouts_of_keras_files_are_read(names, tmp_path):
    path = write(tmp_path / "own.h5", names=names)
    arrays = weights.load("vgg16", ["block1_conv1"], path)
    assert list(arrays) == ["block1_conv1"]
    np.testing.assert_array_equal(arrays["block1_conv1"][0], KERNEL)
    np.testing.assert_array_equal(arrays["block1_conv1"][1], BIAS)


def test_bias_may_come_first(tmp_path):
    path = write(tmp_path / "own.h5", BIAS, KERNEL)
    kernel, bias = weights.load("vgg16", ["block1_conv1"], path)["block1_conv1"]
    assert kernel.shape == (3, 3, 3, 64)
    assert bias.shape == (64,)


def test_half_precision_is_widened(tmp_path):
    path = write(tmp_path / "own.h5", KERNEL.astype("float16"))
    kernel, _ = weights.load("vgg16", ["block1_conv1"], path)["block1_conv1"]
    assert kernel.dtype == "float32"


def test_file_that_holds_only_the_needed_layers_is_enough(tmp_path):
    path = helpers.vgg_weights(tmp_path / "two_blocks.h5", blocks=2)
    layers = ["block1_conv1", "block2_conv2"]
    assert list(weights.load("vgg16", layers, path)) == layers


def test_file_without_a_needed_layer_says_which(tmp_path):
    path = helpers.vgg_weights(tmp_path / "two_blocks.h5", blocks=2)
    with pytest.raises(ValueError, match=r"lacks layers \['block3_conv1'\]"):
        weights.load("vgg16", ["block1_conv1", "block3_conv1"], path)


@pytest.mark.parametrize(
    ("name", "other"), [("vgg16", "vgg19"), ("vgg19", "vgg16")]
)
def test_file_of_another_network_is_refused(name, other, tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:  # Names are enough to tell.
        for layer in weights.shapes(other):
            file.create_group(layer)
    with pytest.raises(ValueError, match=f"{other}, expected those of {name}"):
        weights.load(name, ["block1_conv1"], path)
    assert weights.auto(path) == other


@pytest.mark.parametrize(
    ("kernel", "bias", "match"),
    [
        pytest.param(KERNEL[..., :63], BIAS, r"3, 64\).*3, 63\)", id="kernel"),
        pytest.param(KERNEL, BIAS[:63], r"\(64,\).*\(63,\)", id="bias"),
        pytest.param(KERNEL, KERNEL, "no bias", id="no bias"),
        pytest.param(KERNEL + np.inf, BIAS, "not finite", id="infinite"),
        pytest.param(KERNEL, BIAS + np.nan, "not finite", id="NaN"),
    ],
)
def test_wrong_layer_is_refused(kernel, bias, match, tmp_path):
    path = write(tmp_path / "own.h5", kernel, bias)
    with pytest.raises(ValueError, match=match) as caught:
        weights.load("vgg16", ["block1_conv1"], path)
    assert str(path) in str(caught.value)
    assert "block1_conv1" in str(caught.value)


def damage_by_text(path):
    path.write_text("not HDF5")


def damage_by_emptying(path):
    path.write_bytes(b"")


def damage_by_truncating(path):
    path.write_bytes(path.read_bytes()[:-2000])


def damage_by_deleting_names(path):
    with h5py.File(path, "a") as file:
        del file["block1_conv1"].attrs["weight_names"]


def damage_by_deleting_an_array(path):
    with h5py.File(path, "a") as file:
        del file["block1_conv1/W_1:0"]


@pytest.mark.parametrize(
    "damage",
    [
        damage_by_text,
        damage_by_emptying,
        damage_by_truncating,
        damage_by_deleting_names,
        damage_by_deleting_an_array,
    ],
)
def test_damaged_file_is_refused_in_one_line(damage, tmp_path):
    path = write(tmp_path / "own.h5")
    damage(path)
    with pytest.raises(ValueError, match="not a Keras weights file") as caught:
        weights.load("vgg16", ["block1_conv1"], path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_path_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights file.*nowhere.h5"):
        weights.load("vgg16", path=tmp_path / "nowhere.h5")


def test_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        weights.resolve("vgg16", tmp_path)


def test_unknown_network_lists_the_known():
    with pytest.raises(ValueError, match=r"'vgg11'.*\['vgg16', 'vgg19'\]"):
        weights.resolve("vgg11")


def test_unknown_layers_list_the_known(tmp_path):
    with pytest.raises(ValueError, match="'conv9'.*block5_conv3"):
        weights.load("vgg16", ["conv9"], write(tmp_path / "own.h5"))


def test_auto_takes_vgg16_where_it_is_at_hand(published):
    put(published, weights.cache_dir())
    assert weights.auto() == "vgg16"


def test_auto_says_what_is_missing(published):
    with pytest.raises(weights.MissingWeightsError, match="No vgg16 weights"):
        weights.auto()


def test_auto_refuses_a_file_of_no_network(tmp_path):
    path = tmp_path / "gap.h5"
    with h5py.File(path, "w") as file:
        file.create_group("block2_conv1")
    with pytest.raises(ValueError, match=r"gap.h5' fits none of.*'vgg19'\]"):
        weights.auto(path)


@pytest.mark.weights
def test_real_weights_are_read(real_vgg19):
    arrays = weights.load("vgg19", path=real_vgg19)
    assert list(arrays) == list(weights.shapes("vgg19"))
    assert weights.auto(real_vgg19) == "vgg19"
    # The mean of trained kernels is near 0; their size falls with depth.
    sizes = [kernel.std() for kernel, _ in arrays.values()]
    assert sizes[0] > 0.1 > 0.02 > sizes[-1] > 0
