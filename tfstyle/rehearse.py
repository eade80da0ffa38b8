r"""Paints training pictures for tfstyle.distill with the thin network itself.

  python -m tfstyle.rehearse --content_dir=photographs \
      --style_dir=paintings --feature_weights=distilled/vgg_distilled.h5 \
      --output=rehearsed --pairs=120

Optimization exploits what a thin network does not see. So the network learns
best from pictures that were optimized with it: random pairs of a photograph
and a style, with random settings, each saved three times: early, in the
middle, and at the end. Continue with `python -m tfstyle.distill
--images=photographs --images=paintings --images=rehearsed
--start=distilled/vgg_distilled.h5`.

Files that tfstyle.train and tfstyle.distill hold out with the same --held_out
are left out. Pairs that exist are not painted again: after Ctrl-C the same
command continues. With another network, other settings or other files,
pictures have other names, and older ones stay. A pair takes about 3 s on two
CPU cores.
"""

import hashlib
import math
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from absl import flags

from tfstyle.cli import program
from tfstyle.optimization.config import GatysConfig

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.runtime.progress import Progress

_CONTENT_DIR = flags.DEFINE_multi_string(
    "content_dir", None, "Folder of photographs; repeat it.", required=True
)
_STYLE_DIR = flags.DEFINE_multi_string(
    "style_dir", None, "Folder of style pictures; repeat it.", required=True
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder for the painted pictures.", required=True
)
_FEATURE_WEIGHTS = flags.DEFINE_string(
    "feature_weights",
    None,
    "File of the thin network's weights (.h5); the weights of the package if "
    "not given.",
)
_HELD_OUT = flags.DEFINE_integer(
    "held_out", 100, "Images of each folder to leave out.", lower_bound=0
)
_PAIRS = flags.DEFINE_integer(
    "pairs", 120, "Number of pairs of a photograph and a style.", lower_bound=1
)
_SIZES = flags.DEFINE_list(
    "sizes",
    ["256", "384"],
    "Minimum and maximum of the pictures' longer side, in pixels.",
)
_STEPS = flags.DEFINE_integer(
    "steps", 60, "Optimizer steps at the last size.", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed", 0, "Seed of all random choices.", lower_bound=0
)

flags.register_validator(
    "sizes",
    lambda sizes: (
        len(sizes) == 2
        and all(size.isdecimal() for size in sizes)
        and 16 <= int(sizes[0]) <= int(sizes[1])
    ),
    "expected two numbers of pixels from 16 up, such as 256,384",
)

# Ranges of the settings that users choose.
_STYLE_WEIGHTS = (32.0, 192.0)
_TV_WEIGHTS = (0.0, 2.0, 2.0)
_STYLE_LOSSES = ("wasserstein", "wasserstein", "gram")
_INITS = ("content", "content", "content", "style")
_KEPT = (1 / 8, 2 / 5, 1)  # Fractions of the steps.


def main() -> int:
    """Paints the pairs that do not exist yet."""
    from tfstyle.images import folders
    from tfstyle.pretrained import weights
    from tfstyle.runtime import devices

    network = weights.resolve("vgg_distilled", _FEATURE_WEIGHTS.value)
    contents, styles = (
        folders.split_folders(roots, _HELD_OUT.value)[0]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    )
    roots = [*_CONTENT_DIR.value, *_STYLE_DIR.value]
    folders.check_outside(_OUTPUT.value, roots)
    os.makedirs(_OUTPUT.value, exist_ok=True)
    devices.start()
    name = _prefix(network.digest, contents, styles)
    painted, prefix = 0, os.path.join(_OUTPUT.value, name)
    with program.Interrupt() as interrupt:
        for index in range(_PAIRS.value):
            if interrupt.status:
                break
            painted += _rehearse(prefix, index, contents, styles, interrupt)
    print(f"{_OUTPUT.value}: {painted} pairs painted")
    return interrupt.status


def _prefix(digest: str, *pictures: Sequence[pathlib.Path]) -> str:
    """Prefix of file names, a hash of network, settings and input files."""
    from tfstyle.fitting import data

    given = [digest, _SIZES.value, _STEPS.value, _STYLE_WEIGHTS]
    given += map(data.digest, pictures)
    settings = " ".join(map(str, given)).encode()
    return f"{hashlib.sha256(settings).hexdigest()[:8]}-{_SEED.value}"


def _rehearse(
    prefix: str,
    index: int,
    contents: Sequence[pathlib.Path],
    styles: Sequence[pathlib.Path],
    interrupt: program.Interrupt,
) -> bool:
    """Paints a pair unless it exists; returns whether it did."""
    import numpy as np

    from tfstyle import images
    from tfstyle.images.sizes import pyramid
    from tfstyle.optimization import gatys

    random = np.random.default_rng((_SEED.value, index))
    names = [f"{prefix}-{index:04}-{i}.png" for i in range(len(_KEPT))]
    if os.path.exists(names[-1]):
        return False
    pair = [
        paths[int(random.integers(len(paths)))] for paths in (contents, styles)
    ]
    config = _config(random)
    marks = [math.ceil(fraction * config.steps) for fraction in _KEPT]

    def on_step(
        progress: "Progress", picture: "Callable[[], np.ndarray]"
    ) -> bool:
        if progress.size == config.size:
            for name, mark in zip(names[:-1], marks[:-1], strict=True):
                if progress.step == mark:
                    images.save(name, picture())
        return interrupt(progress, picture)

    try:
        content, style = map(images.load, pair)
        height, width, _ = content.shape
        pyramid(height, width, config.size)  # Raises if it is too narrow.
    except (OSError, ValueError) as error:
        program.note(f"left out '{pair[0]}' with '{pair[1]}': {error}")
        return False
    # An error in writing ends the run: the next picture would meet it, too.
    result = gatys.stylize(content, style, config, on_step)
    if interrupt.status:
        return False
    # Written last: the file marks the pair as complete.
    images.save(names[-1], result)
    return True


def _config(random: "np.random.Generator") -> GatysConfig:
    least, largest = map(int, _SIZES.value)
    size = int(random.integers(least, largest + 1))
    lightest, heaviest = map(math.log, _STYLE_WEIGHTS)
    log_weight = random.uniform(lightest, heaviest)
    return GatysConfig(
        size=size,
        # Half of them at one size alone.
        start_size=int(random.choice((128, size))),
        coarse_share=0.15,
        steps=_STEPS.value,
        features="vgg_distilled",
        feature_weights=_FEATURE_WEIGHTS.value,
        style_weight=math.exp(log_weight),
        tv_weight=float(random.choice(_TV_WEIGHTS)),
        style_loss=str(random.choice(_STYLE_LOSSES)),
        init=str(random.choice(_INITS)),
    )


if __name__ == "__main__":
    program.run(main)
