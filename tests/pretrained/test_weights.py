import dataclasses
import hashlib
import importlib.util
import pathlib
import re
import shutil

import h5py
import numpy as np
import pytest

import helpers
from tfstyle.pretrained import cache, hdf5, topology, weights

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


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TFSTYLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def cached(monkeypatch):
    """Puts a tiny file in the cache as the published one; gives its path."""
    path = cache.folder() / weights.FILES["vgg16"].filename
    path.parent.mkdir()
    digest = hashlib.md5(write(path).read_bytes()).hexdigest()
    file = dataclasses.replace(weights.FILES["vgg16"], digest=f"md5:{digest}")
    monkeypatch.setitem(weights.FILES, "vgg16", file)
    return path


@pytest.mark.parametrize("name", ["vgg16", "vgg19", "inception_v3"])
def test_published_files_are_those_of_keras(name):
    # The text, because to import it would load TensorFlow.
    root = pathlib.Path(importlib.util.find_spec("keras").origin).parent
    source = (root / "src" / "applications" / f"{name}.py").read_text()
    joined = re.sub(r'"\s+"', "", source)
    file = weights.FILES[name]
    assert f'"{file.url}"' in joined
    assert f'file_hash="{file.digest.removeprefix("md5:")}"' in joined


def test_resnet_file_is_that_of_keras():
    root = pathlib.Path(importlib.util.find_spec("keras").origin).parent
    source = (root / "src" / "applications" / "resnet.py").read_text()
    file = weights.FILES["resnet50"]
    assert file.digest.removeprefix("md5:") in source
    assert f'"{file.url.rsplit("/", 1)[0]}/"' in source
    assert file.url.endswith(
        "/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    )


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


def test_file_in_the_cache_is_read(cached):
    assert weights.resolve("vgg16").path == cached
    kernel, _ = weights.load("vgg16", ["block1_conv1"])["block1_conv1"]
    np.testing.assert_array_equal(kernel, KERNEL)


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
        for layer in topology.shapes(other):
            file.create_group(layer)
    with pytest.raises(ValueError, match=f"{other}, expected those of {name}"):
        weights.load(name, ["block1_conv1"], path)
    assert weights.resolve("auto", path).name == other


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


def test_unknown_network_lists_the_known():
    with pytest.raises(
        ValueError, match=r"'vgg11'.*\['inception_v3', 'resnet50', 'vgg16', "
    ):
        weights.resolve("vgg11")


def test_unknown_layers_list_the_known(tmp_path):
    with pytest.raises(ValueError, match="'conv9'.*block5_conv3"):
        weights.load("vgg16", ["conv9"], write(tmp_path / "own.h5"))


def test_auto_takes_vgg16_where_it_is_at_hand(cached):
    assert weights.resolve("auto") == weights.resolve("vgg16")
    assert weights.resolve("auto").name == "vgg16"


def test_auto_takes_the_thin_network_where_vgg16_is_not():
    thin = weights.resolve("vgg_distilled")
    assert weights.resolve("auto") == thin and thin.name == "vgg_distilled"
    missing = cache.MissingWeightsError
    with pytest.raises(missing, match="No vgg16 weights"):
        weights.resolve("vgg16")


def test_the_file_in_the_package_is_the_one_that_is_meant():
    found = weights.resolve("vgg_distilled")
    content = found.path.read_bytes()
    assert f"md5:{hashlib.md5(content).hexdigest()}" == found.digest
    assert found.published
    assert len(content) <= 8_000_000
    with h5py.File(found.path) as file:
        arrays = [a[()] for group in file.values() for a in group.values()]
    assert {a.dtype for a in arrays} == {np.dtype(np.float16)}
    assert len(arrays) == 2 * len(topology.shapes("vgg_distilled"))
    assert list(weights.load("vgg_distilled")) == list(
        topology.shapes("vgg_distilled")
    )


def test_saved_weights_are_loaded_in_half_precision(tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        layer: (random.normal(size=shape), random.normal(size=shape[-1]))
        for layer, shape in topology.shapes("vgg_distilled").items()
    }
    path = tmp_path / "own.h5"
    hdf5.save(path, arrays)
    assert weights.resolve("auto", path).name == "vgg_distilled"
    loaded = weights.load("vgg_distilled", None, path)
    for layer, pair in arrays.items():
        for expected, actual in zip(pair, loaded[layer], strict=True):
            np.testing.assert_array_equal(actual, np.float16(expected))


def test_auto_refuses_a_file_of_no_network(tmp_path):
    path = tmp_path / "gap.h5"
    with h5py.File(path, "w") as file:
        file.create_group("block2_conv1")
    with pytest.raises(
        ValueError, match=r"gap.h5' fits none of.*'vgg_distilled'\]"
    ):
        weights.resolve("auto", path)


@pytest.mark.weights
def test_real_weights_are_read(real_vgg19):
    arrays = weights.load("vgg19", path=real_vgg19)
    assert list(arrays) == list(topology.shapes("vgg19"))
    assert weights.resolve("auto", real_vgg19).name == "vgg19"
    # The mean of trained kernels is near 0; their size falls with depth.
    sizes = [kernel.std() for kernel, _ in arrays.values()]
    assert sizes[0] > 0.1 > 0.02 > sizes[-1] > 0


def test_auto_knows_a_published_file_of_another_network(tmp_path, monkeypatch):
    path = helpers.vgg_weights(tmp_path / "own.h5", "vgg19", blocks=4)
    own = weights.resolve("auto", path)
    assert (own.name, own.published) == ("vgg19", False)
    file = dataclasses.replace(weights.FILES["vgg19"], digest=own.digest)
    monkeypatch.setitem(weights.FILES, "vgg19", file)
    assert weights.resolve("auto", path).published


def test_a_file_that_was_checked_is_not_read_again(small_vgg16, tmp_path):
    path = pathlib.Path(shutil.copy(small_vgg16, tmp_path))
    layers = ["block1_conv1", "block1_conv2"]
    expected = weights.load("vgg16", layers, path)
    found = weights.check("vgg16", layers[1:], path)
    assert found == weights.resolve("vgg16", path)
    path.unlink()
    assert weights.resolve("auto", found) is found
    assert weights.check("vgg16", layers, found) is found
    actual = weights.load("vgg16", layers, found)
    for layer, pair in expected.items():
        for one, other in zip(pair, actual[layer], strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_heads_of_a_thin_network_are_checked(tmp_path):
    shapes = topology.shapes("vgg_distilled")
    arrays = {n: (np.zeros(s), np.zeros(s[-1])) for n, s in shapes.items()}
    del arrays["block2_conv1_head"]
    path = tmp_path / "own.h5"
    hdf5.save(path, arrays)
    weights.check("vgg_distilled", ["block1_conv2"], path)
    with pytest.raises(ValueError, match=r"lacks layers \['block2_conv1_head'"):
        weights.check("vgg_distilled", ["block2_conv1"], path)
