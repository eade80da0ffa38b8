r"""Compares models of any style with optimization, on held-out pairs.

  python -m tfstyle.judge --model=distilled --content_dir=photographs \
      --style_dir=paintings --feature_weights=vgg19.h5 --pairs=20

prints a line of JSON for each pair and size, with the measures of the
photograph, of each model's picture, of pictures in --results that other
programs have painted, and of a reference after 50, 100 and 200 steps: Gatys et
al. 2016, see `tfstyle.judging.reference`. `tfstyle.judging.measures` lists the
measures; style loss and content distance are by VGG19. The last line has the
medians over all pairs, and a table of them goes to stderr.

The files are those that tfstyle.train holds out with the same --held_out. A
pair of 256 pixels takes about a minute on two CPU cores.
"""

import json
import os
import pathlib
import statistics
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import program

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.adain.stylizers import Stylizer
    from tfstyle.judging.lpips import Lpips
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
_LPIPS_WEIGHTS = flags.DEFINE_string(
    "lpips_weights", None, "File of AlexNet's weights for LPIPS (.h5)."
)
_RESULTS = flags.DEFINE_multi_string(
    "results",
    [],
    "Folder of pictures by another program, named such as cat_wave.png or "
    "cat_stylized_wave.jpg for cat.jpg in the style of wave.jpg; repeat it.",
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
    medians = _medians(rows)
    print(json.dumps({"medians": medians}), flush=True)
    print(_table(medians), file=sys.stderr)
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
    for folder in _RESULTS.value:
        if not os.path.isdir(folder):
            raise ValueError(f"'{folder}' is not a folder. Check --results.")
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
    from tfstyle.judging import measures, reference

    for size in map(int, _SIZES.value):
        work = memory.Work(features=_FEATURES.value)
        memory.check((size, size), [(size, size)], work)
    load = loading.load
    models = {m: load(m, _ENCODER_WEIGHTS.value) for m in _MODELS.value}
    network = reference.make_network(_FEATURES.value, _FEATURE_WEIGHTS.value)
    baseline = reference.Reference(network)
    perceptual = _lpips()
    for content, style, size in _pairs(contents, styles):
        try:
            pair = _loaded(content, style, size)
            judge = measures.Judge(network, *pair, perceptual)
        except (OSError, ValueError) as error:
            program.note(f"left out {content.name} with {style.name}: {error}")
            continue
        pictures = {name: _painted(m, *pair) for name, m in models.items()}
        pictures |= _results(content, style, pair[0].shape)
        row: dict[str, Any] = {
            "content": content.name,
            "style": style.name,
            "size": size,
        }
        named = {"photograph": pair[0], **pictures}
        row |= {name: judge.measure(x) for name, x in named.items()}
        for step, picture in _references(baseline, *pair):
            row[f"reference {step}"] = judge.measure(picture)
        yield row, [*pair, *pictures.values()]


def _lpips() -> "Lpips | None":
    if _LPIPS_WEIGHTS.value is None:
        return None
    from tfstyle.judging import lpips

    return lpips.Lpips(_LPIPS_WEIGHTS.value)


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


def _results(
    content: pathlib.Path, style: pathlib.Path, shape: tuple[int, ...]
) -> "dict[str, np.ndarray]":
    """Reads the pictures of a pair that other programs have painted."""
    from tfstyle import images

    found = {}
    for folder in _RESULTS.value:
        path = _result(pathlib.Path(folder), content.stem, style.stem)
        if path is None:
            program.note(
                f"no picture of {content.name} with {style.name} in '{folder}'"
            )
            continue
        picture = images.load(path)
        height, width = shape[:2]
        if abs(picture.shape[0] / picture.shape[1] * width / height - 1) > 0.02:
            raise ValueError(
                f"'{path}' has another shape than '{content}': expected the "
                f"sides of {width}x{height}. Received: "
                f"{picture.shape[1]}x{picture.shape[0]}"
            )
        found[folder] = images.resize(picture, height, width)
    return found


def _result(
    folder: pathlib.Path, content: str, style: str
) -> pathlib.Path | None:
    names = {f"{content}_{style}", f"{content}_stylized_{style}"}
    found = sorted(p for p in folder.iterdir() if p.stem in names)
    return found[0] if found else None


def _references(
    baseline: "Reference", content: "np.ndarray", style: "np.ndarray"
) -> "Iterator[tuple[int, np.ndarray]]":
    """Yields the reference's picture after each step that is wanted."""
    wanted = [int(step) for step in _STEPS.value]
    target = baseline.target(content, style)
    optimized = baseline.optimize(content, target, max(wanted, default=0))
    for step, picture in enumerate(optimized, 1):
        if step in wanted:
            yield step, picture


def _medians(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Returns the medians by picture and measure; some rows may lack one."""
    found: dict[str, dict[str, float]] = {}
    for name in {key: 0 for row in rows for key in row}:
        each = [row[name] for row in rows if name in row]
        measured = [values for values in each if isinstance(values, dict)]
        if measured:
            found[name] = {
                key: round(statistics.median(m[key] for m in measured), 5)
                for key in measured[0]
            }
    return found


def _table(medians: dict[str, dict[str, float]]) -> str:
    """Returns medians as a table in Markdown: a row for each picture."""
    keys = list(next(iter(medians.values())))
    lines = [["picture", *keys], ["---"] * (1 + len(keys))]
    for name, values in medians.items():
        lines.append([name, *(f"{values[key]:.4g}" for key in keys)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    program.run(main)
