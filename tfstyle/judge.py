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
pair of 256 pixels takes about a minute on two CPU cores. Ctrl-C ends it with
the medians and the sheet of the pairs that are measured.
"""

import json
import pathlib
import statistics
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.cli import program

if TYPE_CHECKING:
    import numpy as np

    from tfstyle.adain.stylizers import Stylizer
    from tfstyle.judging.lpips import Lpips
    from tfstyle.judging.reference import Reference, Target

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

_ROW = 264  # Height of a row on the sheet, in pixels.
_UNLIKE = 0.02  # Relative difference of aspects that is not rounding.
_NUMBERS = "expected whole numbers above 0, separated by commas"


def _are_numbers(values: list[str]) -> bool:
    return all(value.isdecimal() and int(value) for value in values)


flags.register_validator("sizes", lambda v: v and _are_numbers(v), _NUMBERS)
flags.register_validator("steps", _are_numbers, _NUMBERS)


def main() -> int:
    """Prints a line of JSON for each pair, and the medians."""
    from tfstyle import images
    from tfstyle.runtime import devices

    contents, styles = _held_out()
    devices.start()
    rows, sheet = [], []
    with program.Interrupt() as interrupt:
        for row, shown in _judged(contents, styles, interrupt):
            print(json.dumps(row), flush=True)
            rows.append(row)
            if _SHEET.value:
                sheet.append(shown)
    if not rows and interrupt.status:
        return interrupt.status
    if not rows:
        raise ValueError("None of the pairs could be read.")
    medians = _medians(rows)
    print(json.dumps({"medians": medians}), flush=True)
    print(_table(medians), file=sys.stderr)
    if _SHEET.value:
        _write_sheet(_SHEET.value, images.contact_sheet(sheet))
    return interrupt.status


def _held_out() -> list[list[pathlib.Path]]:
    """Finds held-out photographs and style pictures; checks the flags."""
    from tfstyle import images
    from tfstyle.images import folders
    from tfstyle.pretrained import weights
    from tfstyle.runtime import files

    if _SHEET.value:
        files.check_writable(_SHEET.value)
    weights.resolve(_FEATURES.value, _FEATURE_WEIGHTS.value)
    names = ["photograph", "content", "style", "size"]
    names += [*_MODELS.value, *_RESULTS.value]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(
            f"--model and --results name rows: each must have a name of its "
            f"own. Received: {', '.join(sorted(twice))}"
        )
    folders.find(_RESULTS.value)
    found = [
        folders.split_folders(roots, _HELD_OUT.value)[1]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]
    if _SHEET.value:
        rows = len(list(_pairs(*found)))
        images.check_format(_SHEET.value, longest=rows * _ROW)
    _note_missing(*found)
    return found


def _judged(
    contents: list[pathlib.Path],
    styles: list[pathlib.Path],
    ends: Callable[[], bool],
) -> Iterator[tuple[dict[str, Any], "list[np.ndarray]"]]:
    """Yields, for each pair, its results and its pictures for the sheet.

    It ends, without the pair in progress, when `ends` returns true.
    """
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
            pictures = {name: _painted(m, *pair) for name, m in models.items()}
        except (OSError, ValueError) as error:
            program.note(f"left out {content.name} with {style.name}: {error}")
            continue
        theirs = _results(content, style, pair[0])
        row: dict[str, Any] = {
            "content": content.name,
            "style": style.name,
            "size": size,
        }
        found = {name: x for name, x in theirs.items() if x is not None}
        named = {"photograph": pair[0], **pictures, **found}
        row |= {name: judge.measure(x) for name, x in named.items()}
        optimized = _references(baseline, pair[0], judge.target, ends)
        for step, picture in optimized:
            row[f"reference {step}"] = judge.measure(picture)
        if ends():
            return
        empty = 1 + 0 * pair[0]
        shown = [empty if x is None else x for x in theirs.values()]
        yield row, [*pair, *pictures.values(), *shown]


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


def _note_missing(
    contents: list[pathlib.Path], styles: list[pathlib.Path]
) -> None:
    """Names the pictures that --results lacks, before any is painted."""
    pairs = {pair[:2]: None for pair in _pairs(contents, styles)}
    for content, style in pairs:
        for folder in _RESULTS.value:
            if _result(folder, content, style) is None:
                program.note(
                    f"no picture of {content.name} with {style.name} in "
                    f"'{folder}', such as {content.stem}_{style.stem}.png"
                )


def _result(
    folder: str, content: pathlib.Path, style: pathlib.Path
) -> pathlib.Path | None:
    """The picture of a pair that another program has painted, if any."""
    from tfstyle.images import folders

    names = [f"{content.stem}{s}{style.stem}" for s in ("_", "_stylized_")]
    paths = (p for p in folders.find([folder]) if p.stem in names)
    return next(paths, None)


def _results(
    content: pathlib.Path, style: pathlib.Path, photo: "np.ndarray"
) -> "dict[str, np.ndarray | None]":
    """Reads the pictures of a pair that other programs have painted.

    Returns:
        Folder -> picture of the shape of the photograph, or `None`.
    """
    found: dict[str, np.ndarray | None] = {}
    for folder in _RESULTS.value:
        path = _result(folder, content, style)
        try:
            found[folder] = _fitted(path, photo) if path else None
        except (OSError, ValueError) as error:
            found[folder] = None
            program.note(
                f"no picture of {content.name} with {style.name} in "
                f"'{folder}': {error}"
            )
    return found


def _fitted(path: pathlib.Path, photo: "np.ndarray") -> "np.ndarray":
    """Reads a picture, in the shape of the photograph."""
    from tfstyle import images

    picture = images.load(path)
    height, width = photo.shape[:2]
    if abs(picture.shape[0] / picture.shape[1] * width / height - 1) > _UNLIKE:
        raise ValueError(
            f"'{path}' has another shape than the photograph: expected that of "
            f"{width}x{height}. Received: "
            f"{picture.shape[1]}x{picture.shape[0]}"
        )
    return images.resize(picture, height, width)


def _references(
    baseline: "Reference",
    content: "np.ndarray",
    target: "Target",
    ends: Callable[[], bool],
) -> "Iterator[tuple[int, np.ndarray]]":
    """Yields the reference's picture after each step that is wanted."""
    wanted = [int(step) for step in _STEPS.value]
    optimized = baseline.optimize(content, target, max(wanted, default=0))
    for step, picture in enumerate(optimized, 1):
        if ends():
            return
        if step in wanted:
            yield step, picture


def _write_sheet(path: str, sheet: "np.ndarray") -> None:
    """Writes the sheet, elsewhere if this fails: the pairs took minutes."""
    from tfstyle.images import output, provenance

    settings = {
        "models": _MODELS.value,
        "results": _RESULTS.value,
        "sizes": _SIZES.value,
    }
    record = provenance.describe(settings, {})
    output.Output(path=path, record=record).save(sheet)


def _medians(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Returns the medians by picture and measure, with the number of pairs."""
    found: dict[str, dict[str, float]] = {}
    for name in {key: 0 for row in rows for key in row}:
        each = [row[name] for row in rows if name in row]
        measured = [values for values in each if isinstance(values, dict)]
        if measured:
            found[name] = {"pairs": len(measured)} | {
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
