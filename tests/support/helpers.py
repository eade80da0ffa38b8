"""Small inputs for the tests: the real things at tiny sizes, no mocks."""

import os
import pathlib

import h5py
import numpy as np

from tfstyle import images
from tfstyle.pretrained import topology

_CHANNELS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512}
_CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def image(height, width, seed=0):
    """Colour gradients and a few discs, so that it has edges and flat parts.

    Returns:
        Array of shape `(height, width, 3)`, float32, RGB in [0, 1].
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : 1j * height, 0 : 1 : 1j * width][:, :, :, None]
    slopes, offset = random.uniform(-0.5, 0.5, (2, 3)), random.uniform(size=3)
    pixels = offset + slopes[0] * y + slopes[1] * x
    for _ in range(4):
        (cy, cx), radius = random.uniform(size=2), random.uniform(0.1, 0.3)
        disc = (y - cy) ** 2 + (x - cx) ** 2 < radius**2
        pixels = np.where(disc, random.uniform(size=3), pixels)
    return np.clip(pixels, 0, 1).astype(np.float32)


def blocks(array, side=8):
    """Means of squares of so many pixels, of shape `(rows, columns, 3)`."""
    rows, columns = (length // side for length in array.shape[:2])
    whole = array[: rows * side, : columns * side]
    return whole.reshape(rows, side, columns, side, 3).mean((1, 3))


def coarse(picture, photo):
    """What kernels for other processors change little after a few steps.

    Single pixels differ by 0.04 after one step of Adam, which has the sign of
    gradients however small they are.

    Returns:
        Mean colours of blocks, and how far each colour moved from the
        photograph, as the root of the mean square.
    """
    moved = np.sqrt(np.square(picture - photo).mean((0, 1)))
    return blocks(picture), moved


def vgg_layers(name="vgg16"):
    """Convolution -> channels in and out, in the order of the network."""
    layers, inputs = {}, 3
    for block, count in enumerate(_CONVOLUTIONS[name], start=1):
        for index in range(1, count + 1):
            outputs = _CHANNELS[block]
            layers[f"block{block}_conv{index}"] = (inputs, outputs)
            inputs = outputs
    return layers


def vgg_weights(path, name="vgg16", blocks=5, seed=0):
    """Writes random (He normal) weights as Keras published the real ones.

    Args:
        path: The `.h5` file to write.
        name: `"vgg16"` or `"vgg19"`.
        blocks: Number of blocks, from the first; all five take 59 MB, the
            first two 1 MB.
        seed: Of the random numbers.

    Returns:
        `path`.
    """
    random = np.random.default_rng(seed)
    with h5py.File(path, "w") as file:
        groups = []
        for layer, (inputs, outputs) in vgg_layers(name).items():
            if int(layer[len("block")]) > blocks:
                break
            kernel = random.standard_normal(
                (3, 3, inputs, outputs), dtype=np.float32
            )
            kernel *= np.float32(np.sqrt(2 / (9 * inputs)))
            arrays = {"W_1": kernel, "b_1": np.zeros(outputs, np.float32)}
            write_layer(file, layer, arrays)
            groups.append(layer)
            if layer == _last_of_block(name, layer):
                # As in the published files: layers without weights are there.
                pool = f"{layer.split('_')[0]}_pool"
                write_layer(file, pool, {})
                groups.append(pool)
        file.attrs["layer_names"] = [group.encode() for group in groups]
    return os.fspath(path)


def _last_of_block(name, layer):
    block = int(layer[len("block")])
    return f"block{block}_conv{_CONVOLUTIONS[name][block - 1]}"


def write_layer(file, layer, arrays):
    """Adds a layer to a file as Keras published them: arrays by name."""
    group = file.create_group(layer)
    names = [f"{layer}_{suffix}:0" for suffix in arrays]
    group.attrs["weight_names"] = [name.encode() for name in names]
    for name, array in zip(names, arrays.values(), strict=True):
        group.create_dataset(name, data=array)


def without_grain(model, content, style):
    """What a model makes of images as they are, without `features.grain`."""
    from tfstyle.adain import embeddings
    from tfstyle.adain.network import without_margin

    def seen(image):
        pixels = {topology.IMAGE: model.padding(image[None])}
        return {**model.encoder(image[None]), **pixels}

    own, target = (
        embeddings.join(model.moments(seen(x))) for x in (content, style)
    )
    picture = model.restyle(seen(content), own, target)
    return np.clip(without_margin(picture, content[None]), 0, 1)[0]


def environment(*paths, **variables):
    """Of a subprocess that imports this checkout, and `paths` before it."""
    root = pathlib.Path(__file__).parents[2]
    path = os.pathsep.join(map(os.fspath, [*paths, root]))
    return {**os.environ, "PYTHONPATH": path, **variables}


# Of a process on JAX. Compiling takes most of the time of a small training, and
# half as long unoptimised; for the threads see `tfstyle.train`.
ON_JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "NPROC": "16",
}


def image_folders(folder, count):
    """Writes so many photographs and paintings, to a folder of each."""
    for kind, seed in (("photos", 0), ("paintings", 10)):
        (folder / kind).mkdir()
        for i in range(count):
            path = folder / kind / f"{i}.png"
            images.save(path, image(40, 48, seed + i))


def training_settings(**changes):
    """Of an `AdaINConfig` that is small, and alike on all machines."""
    return {
        "loss_features": "vgg_distilled",
        "loss_dtype": "float32",
        "precision": "float32",
        "content_layer": "block3_conv1",
        "style_layers": ("block1_conv1", "block2_conv1"),
        "levels": ("block2_conv1", "block3_conv1"),
        "widths": (4, 8, 16),
        "depths": (1, 1, 2),
        "steps": 6,
        "epoch": 4,
        "batch_size": 2,
        "crop": 32,
    } | changes


def style_model(**changes):
    """A small `StyleModel`: random weights, but for the package's encoder.

    Scaled so that its images are not all beyond [0, 1].
    """
    from tfstyle.training import adain
    from tfstyle.training.config import AdaINConfig

    settings = {
        "precision": "float32",
        "levels": ("image", "block2_conv1", "block3_conv1"),
        "widths": (8, 16, 32),
        "depths": (1, 1, 2),
        "modulation": 16,
    }
    model = adain.untrained(AdaINConfig(**(settings | changes)))
    out = model.decoder.get_layer("stage1_out")
    kernel, bias = out.get_weights()
    out.set_weights([0.05 * kernel, bias + 0.5])
    random = np.random.default_rng(0)
    for layer in model.decoder.layers:
        # Modulation begins without effect.
        if layer.name.startswith("modulation_stage"):
            kernel, bias = layer.get_weights()
            layer.set_weights([random.normal(0, 0.01, kernel.shape), bias])
    return model
