"""Measures how steady and how sharp painted clips are.

From the root of the repository:

  PYTHONPATH=.:tests/support python docs/measurements/clips.py transfer

prints rows of docs/measurements/video.md, and so it does for `optimize`; with a
folder, it also writes strips of frames there to look at. With a movie after it,
and the number of a frame, that and the next frames are painted; they should
have no cut. Motion in a movie is estimated. A number more is `start_size`.
"""

import dataclasses
import itertools
import pathlib
import sys
import time

import av
import cv2
import numpy as np
import PIL.Image

import moving_scenes
import tfstyle
from tfstyle import images
from tfstyle.motion import flow, measures
from tfstyle.runtime import devices

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
STYLES = ("woodcut", "watercolor", "stained_glass", "impasto")
# Engine -> frames and styles.
SCENES = {"pan and zoom": False, "disc before it": True}
COUNTS = {"transfer": (40, STYLES), "optimize": (12, STYLES[1:2])}


class Movie:
    """Frames of a recorded movie, with estimated motion.

    It is OpenCV's own, at full size: not the flow that strokes are moved by.
    """

    def __init__(self, path, first, count):
        with av.open(path) as movie:
            frames = movie.decode(video=0)
            frames = itertools.islice(frames, first, first + count)
            self._frames = [
                np.float32(frame.to_ndarray(format="rgb24") / 255)
                for frame in frames
            ]

    def frame(self, number):
        """A frame, `(height, width, 3)`, float32."""
        return self._frames[number]

    def motion(self, number, other):
        """Flow from a frame to another, and which pixels both show."""
        now, then = (flow.gray(self._frames[i]) for i in (number, other))
        finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        finder.setFinestScale(0)
        there, back = finder.calc(now, then, None), finder.calc(then, now, None)
        places = flow.grid(*now.shape) + there
        return there, flow.consistent(there, back) & flow.inside(places)


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
    from tfstyle.objective.terms import make_terms
    from tfstyle.optimization import descent
    from tfstyle.optimization.config import GatysConfig
    from tfstyle.pretrained import weights

    config = GatysConfig(features="vgg_distilled", precision="float32")
    network = descent.make_network(config, weights.resolve("vgg_distilled"))
    values = []
    for picture in pictures:
        terms = make_terms(network, picture, [style], config)
        maps = network(picture[None])
        values.append(
            sum(
                float(term.weight * term.loss(picture[None], maps)[0])
                for name, term in terms.items()
                if name.startswith("style/")
            )
        )
    return float(np.mean(values))


def main(engine, folder=None, movie=None, first="0", start_size="384"):
    """Prints the table of an engine."""
    devices.start("cpu")
    count, styles = COUNTS[engine]
    if movie:
        name = pathlib.Path(movie).stem
        scenes = {name: Movie(movie, int(first), count)}
    else:
        scenes = {
            name: moving_scenes.scene(EXAMPLES, front=front)
            for name, front in SCENES.items()
        }
    for name, scene in scenes.items():
        frames = [scene.frame(i) for i in range(count)]
        one, ten, _ = rows(scene, frames)
        print(f"| {name} | source | – | {one:.4f} | {ten:.4f} | | | | |")
        for style in styles:
            config = tfstyle.VideoConfig(
                engine=engine,
                features="vgg_distilled",
                start_size=int(start_size),
            )
            _measure(scene, frames, name, style, config, folder)


def _measure(scene, frames, name, style, config, folder):
    picture = images.load(EXAMPLES / f"{style}.jpg", 512)
    first = None
    for stability in (0, 0.5, 1):
        config = dataclasses.replace(config, stability=stability)
        began = time.monotonic()
        made = [*tfstyle.stylize_frames(frames, picture, config)]
        seconds = (time.monotonic() - began) / len(made)
        one, ten, sharp = rows(scene, made)
        loss = style_loss(made[5::10], picture)
        if not stability:
            first = sharp, loss
        light = [float(np.mean(x)) for x in (made[:8], made[-8:])]
        print(
            f"| {name} | {style} | {stability:g} | {one:.4f} | "
            f"{ten:.4f} | {sharp / first[0]:.2f} | {loss / first[1]:.2f} | "
            f"{light[1] - light[0]:+.3f} | {seconds:.2f} |",
            flush=True,
        )
        if folder:
            strip = np.concatenate(made[3::9], 1)
            kind = f"{config.engine}-{name.split()[0]}-{style}-{stability:g}"
            path = f"{folder}/{kind}.png"
            PIL.Image.fromarray(np.uint8(255 * strip)).save(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
