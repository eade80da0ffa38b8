r"""Compares models of any style with optimization, on held-out pairs.

  python -m tfstyle.judge --model=distilled --content_dir=photographs \
      --style_dir=paintings --feature_weights=vgg19.h5 --pairs=20

prints a line of JSON for each pair and size with three numbers for the
photograph, for each model's picture, and for a reference after 50, 100 and 200
steps: Gatys et al. 2016, see `tfstyle.judging.reference`. The numbers are
the style loss (relative squared distance of Gram matrices, mean of five layers)
and the relative content distance (block4_conv2), by VGG19, and colored specks,
see `tfstyle.judging.specks`. The last line has the medians over all pairs.

The files are those that tfstyle.train holds out with the same --held_out. A
pair of 256 pixels takes about a minute on two CPU cores.
"""

import json
import pathlib
import statistics
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import program

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.adain.stylizers import Stylizer
    from tfstyle.judging.reference import Reference

_MODELS = flags.DEFINE_multi_string(
    "model",
    ["distilled"],
    "Model to compare, named as for tfstyle.transfer; repeat it.",
)
_CONTENT_DIR = flags.DEFINE_multi_string(
    "content_dir", None, "Folder of photographs; repeat it.", required=True
)
_STYLE_DIR = flags.DEFINE_multi_string(
    "style_dir", None, "Folder of style pictures; repeat it.", required=True
)
_HELD_OUT = flags.DEFINE_integer(
    "held_out", 50, "Images of each folder to choose from.", lower_bound=1
)
_PAIRS = flags.DEFINE_integer(
    "pairs", 20, "Number of pairs of a photograph and a style.", lower_bound=1
)
_SIZES = flags.DEFINE_list(
    "sizes", ["256"], "Longer sides of the pictures, in pixels."
)
_STEPS = flags.DEFINE_list(
    "steps",
    ["50", "100", "200"],
    "Steps after which the reference optimization is measured; '' for no "
    "reference.",
)
_FEATURES = flags.DEFINE_enum(
    "features",
    "vgg19",
    ["vgg16", "vgg19", "vgg_distilled"],
    "Network whose feature maps the losses compare.",
)
_FEATURE_WEIGHTS = flags.DEFINE_string(
    "feature_weights", None, "File of the weights of --features (.h5)."
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "File of the published encoder's weights (.h5)."
)
_SHEET = flags.DEFINE_string(
    "sheet", None, "Sheet of all pairs to write: photograph, style, models."
)

_NUMBERS = "expected whole numbers above 0, separated by commas"


def _are_numbers(values: list[str]) -> bool:
    return all(value.isdecimal() and int(value) for value in values)


flags.register_validator("sizes", lambda v: v and _are_numbers(v), _NUMBERS)
flags.register_validator("steps", _are_numbers, _NUMBERS)


def main() -> None:
    """Prints a line of JSON for each pair, and the medians."""
    from tfstyle import images
    from tfstyle.runtime import devices

    contents, styles = _held_out()
    devices.start()
    rows, sheet = [], []
    for row, shown in _judged(contents, styles):
        print(json.dumps(row), flush=True)
        rows.append(row)
        sheet.append(shown)
    if not rows:
        raise ValueError("None of the pairs could be read.")
    print(json.dumps({"medians": _medians(rows)}))
    if _SHEET.value:
        images.save(_SHEET.value, images.contact_sheet(sheet))


def _held_out() -> list[list[pathlib.Path]]:
    """Finds held-out photographs and style pictures; checks the flags."""
    from tfstyle import images
    from tfstyle.images import folders
    from tfstyle.pretrained import weights
    from tfstyle.runtime import files

    if _SHEET.value:
        images.check_format(_SHEET.value)
        files.check_writable(_SHEET.value)
    weights.resolve(_FEATURES.value, _FEATURE_WEIGHTS.value)
    return [
        folders.split_folders(roots, _HELD_OUT.value)[1]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]


def _judged(
    contents: list[pathlib.Path], styles: list[pathlib.Path]
) -> Iterator[tuple[dict[str, Any], "list[np.ndarray]"]]:
    """Yields, for each pair, its results and its pictures for the sheet."""
    from tfstyle.adain import loading
    from tfstyle.features import memory
    from tfstyle.judging import reference

    for size in map(int, _SIZES.value):
        work = memory.Work(features=_FEATURES.value)
        memory.check((size, size), [(size, size)], work)
    load = loading.load
    models = {m: load(m, _ENCODER_WEIGHTS.value) for m in _MODELS.value}
    baseline = reference.Reference(
        reference.make_network(_FEATURES.value, _FEATURE_WEIGHTS.value)
    )
    for content, style, size in _pairs(contents, styles):
        try:
            pair = _loaded(content, style, size)
        except (OSError, ValueError) as error:
            program.note(f"left out {content.name} with {style.name}: {error}")
            continue
        pictures = {name: _painted(m, *pair) for name, m in models.items()}
        row: dict[str, Any] = {
            "content": content.name,
            "style": style.name,
            "size": size,
        }
        row |= _distances(baseline, *pair, pictures)
        yield row, [*pair, *pictures.values()]


def _pairs(
    contents: list[pathlib.Path], styles: list[pathlib.Path]
) -> Iterator[tuple[pathlib.Path, pathlib.Path, int]]:
    import numpy as np

    random = np.random.default_rng(0)
    count = min(_PAIRS.value, len(contents), len(styles))
    chosen = [random.permutation(len(p))[:count] for p in (contents, styles)]
    for size in map(int, _SIZES.value):
        for i, j in zip(*chosen, strict=True):
            yield contents[i], styles[j], size


def _loaded(
    content: pathlib.Path, style: pathlib.Path, size: int
) -> "tuple[np.ndarray, np.ndarray]":
    from tfstyle import images
    from tfstyle.adain.stylizers import check_image

    pair = images.load(content, size), images.load(style, size)
    for image in pair:
        check_image(image)
    return pair


def _painted(
    stylizer: "Stylizer", content: "np.ndarray", style: "np.ndarray"
) -> "np.ndarray":
    return stylizer.stylize(content, stylizer.embed([style]))


def _distances(
    baseline: "Reference",
    content: "np.ndarray",
    style: "np.ndarray",
    pictures: "dict[str, np.ndarray]",
) -> dict[str, list[float]]:
    """Name of a picture -> its style loss, content distance and specks."""
    from tfstyle.judging.specks import specks

    target = baseline.target(content, style)

    def measured(picture: "np.ndarray") -> list[float]:
        distances = baseline.distances(picture, target)
        found = (*distances, specks(picture, content, style))
        return [round(distance, 5) for distance in found]

    named = {"photograph": content, **pictures}
    found = {name: measured(picture) for name, picture in named.items()}
    wanted = [int(step) for step in _STEPS.value]
    optimized = baseline.optimize(content, target, max(wanted, default=0))
    for step, picture in enumerate(optimized, 1):
        if step in wanted:
            found[f"reference {step}"] = measured(picture)
    return found


def _medians(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    names = [key for key, value in rows[0].items() if isinstance(value, list)]
    return {
        name: [
            round(statistics.median(row[name][i] for row in rows), 5)
            for i in range(3)
        ]
        for name in names
    }


if __name__ == "__main__":
    program.run(main)
