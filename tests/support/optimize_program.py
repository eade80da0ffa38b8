"""Words and inputs of a small run of `tfstyle.optimize`."""

import helpers
import programs
from tfstyle import images

FLAGS = {
    "content": "photo.png",
    "style": ["wave.png", "night.png"],
    "output": "out.png",
    "feature_weights": "vgg16.h5",
    "content_layers": "block2_conv1",
    "style_layers": "block1_conv1,block2_conv1:0.5",
    "style_mix": "0.7,0.3",
    "tv_weight": "1",
    "size": "64",
    "steps": "200",
    "precision": "float32",  # Alike on all machines.
}
ONE_STYLE = {"style": "wave.png", "style_mix": None}


def command(**changes):
    return programs.command("tfstyle.optimize", FLAGS | changes)


def make_inputs(folder):
    alpha = helpers.image(48, 64, 2)[..., 0]
    images.save(folder / "photo.png", helpers.image(48, 64, 1), alpha)
    images.save(folder / "wave.png", helpers.image(40, 40, 3))
    images.save(folder / "night.png", helpers.image(32, 50, 4))
    helpers.vgg_weights(folder / "vgg16.h5", blocks=2)
