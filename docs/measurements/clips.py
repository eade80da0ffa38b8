"""Measures how steady and how sharp painted clips are.

From the root of the repository:

  PYTHONPATH=.:tests/support python docs/measurements/clips.py

prints rows of docs/measurements/video.md; with a path, it also writes strips
of frames there to look at.
"""

import pathlib
import sys
import time

import numpy as np
import PIL.Image

import moving_scenes
import tfstyle
from tfstyle import images
from tfstyle.motion import measures
from tfstyle.runtime import devices

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
STYLES = ("woodcut", "watercolor", "stained_glass", "impasto")
FRAMES = 40


def rows(scene, frames):
    """Errors of neighbors and of every tenth, and sharpness."""
    found = []
    for step in (1, 10):
        errors = [
            measures.warping_error(
                frames[i], frames[i - step], *scene.motion(i, i - step)
            )
            for i in range(step, len(frames))
        ]
        found.append(float(np.sqrt(np.mean(np.square(errors)))))
    return [*found, float(np.mean([measures.sharpness(x) for x in frames]))]


def style_loss(pictures, style):
    """Mean distance of some pictures to the style, by the thin network."""
    from tfstyle.optimization import descent, objective
    from tfstyle.optimization.config import GatysConfig
    from tfstyle.pretrained import weights

    config = GatysConfig(features="vgg_distilled", precision="float32")
    network = descent.make_network(config, weights.resolve("vgg_distilled"))
    values = []
    for picture in pictures:
        terms = objective.terms(network, picture, [style], config)
        maps = dict(
            zip(network.output_names, network(picture[None]), strict=False)
        )
        maps = network(picture[None])
        values.append(
            sum(
                float(term.weight * term.loss(picture[None], maps)[0])
                for name, term in terms.items()
                if name.startswith("style/")
            )
        )
    return float(np.mean(values))


def main(folder=None):
    """Prints the table."""
    devices.start("cpu")
    for front in (False, True):
        scene = moving_scenes.scene(EXAMPLES, front=front)
        frames = [scene.frame(i) for i in range(FRAMES)]
        name = "a disc before a pan" if front else "pan and zoom"
        one, ten, _ = rows(scene, frames)
        print(f"| {name} | – | source | {one:.4f} | {ten:.4f} | | | |")
        for style in STYLES:
            _measure(scene, frames, name, style, folder)


def _measure(scene, frames, name, style, folder):
    picture = images.load(EXAMPLES / f"{style}.jpg", 512)
    runs = [("transfer", s) for s in (0, 0.5, 1)]
    if style == STYLES[0]:
        runs += [("optimize", s) for s in (0, 0.5, 1)]
    first = None
    for engine, stability in runs:
        config = tfstyle.VideoConfig(
            engine=engine, stability=stability, features="vgg_distilled"
        )
        given = frames if engine == "transfer" else frames[:16]
        began = time.monotonic()
        made = [*tfstyle.stylize_frames(given, picture, config)]
        seconds = (time.monotonic() - began) / len(made)
        one, ten, sharp = rows(scene, made)
        loss = style_loss(made[5::10], picture)
        if not stability:
            first = sharp, loss
        light = [float(np.mean(x)) for x in (made[:8], made[-8:])]
        print(
            f"| {name} | {style} | {engine} {stability:g} | {one:.4f} | "
            f"{ten:.4f} | {sharp / first[0]:.2f} | {loss / first[1]:.2f} | "
            f"{light[1] - light[0]:+.3f} | {seconds:.2f} |",
            flush=True,
        )
        if folder and engine == "transfer":
            strip = np.concatenate(made[3::9], 1)
            path = f"{folder}/{name.split()[0]}-{style}-{stability:g}.png"
            PIL.Image.fromarray(np.uint8(255 * strip)).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
