r"""Compares models of any style with optimization, on held-out pairs.

  python -m tfstyle.judge --model=distilled --content_dir=photographs \
      --style_dir=paintings --feature_weights=vgg19.h5 --pairs=20

prints a line of JSON for each pair and size, with the measures of the
photograph, of each model's picture, of pictures in --results that other
programs have painted, and of a reference after 50, 100 and 200 steps: Gatys et
al. 2016, see `tfstyle.judging.reference`. `tfstyle.judging.measures` lists the
measures; style loss and content distance are by VGG19. Then follows a line with
the medians of each size, and a table of them goes to stderr.

The files are those that tfstyle.train holds out with the same --held_out. A
pair of 256 pixels takes about a minute on two CPU cores. Ctrl-C ends it with
the medians and the sheet of the pairs that are measured.
"""

import json
import pathlib
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
    from tfstyle.judging.results import Results

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
_NUMBERS = "expected whole numbers above 0, separated by commas"


def _are_numbers(values: list[str]) -> bool:
    return all(value.isdecimal() and int(value) for value in values)


flags.register_validator("sizes", lambda v: v and _are_numbers(v), _NUMBERS)
flags.register_validator("steps", _are_numbers, _NUMBERS)


def main() -> int:
    """Prints a line of JSON for each pair, and the medians."""
    from tfstyle import images
    from tfstyle.judging import medians, results
    from tfstyle.runtime import devices

    contents, styles = _held_out()
    theirs = results.Results(_RESULTS.value, program.note)
    pairs = list(_pairs(contents, styles))
    theirs.note_missing(dict.fromkeys(pair[:2] for pair in pairs))
    devices.start()
    rows, sheet = [], []
    with program.Interrupt() as interrupt:
        for row, shown in _judged(pairs, theirs, interrupt):
            print(json.dumps(row), flush=True)
            rows.append(row)
            if _SHEET.value:
                sheet.append(shown)
    if not rows and interrupt.status:
        return interrupt.status
    if not rows:
        raise ValueError("None of the pairs could be read.")
    found = medians.by_size(rows)
    for size, named in found.items():
        print(json.dumps({"size": size, "medians": named}), flush=True)
    print(medians.table(found), file=sys.stderr)
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
    found = [
        folders.split_folders(roots, _HELD_OUT.value)[1]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]
    if _SHEET.value:
        rows = len(list(_pairs(*found)))
        images.check_format(_SHEET.value, longest=rows * _ROW)
    return found


def _judged(
    pairs: list[tuple[pathlib.Path, pathlib.Path, int]],
    results: "Results",
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
    for content, style, size in pairs:
        try:
            pair = _loaded(content, style, size)
            judge = measures.Judge(network, *pair, perceptual)
            pictures = {name: _painted(m, *pair) for name, m in models.items()}
        except (OSError, ValueError) as error:
            program.note(f"left out {content.name} with {style.name}: {error}")
            continue
        theirs = results.load(content, style, pair[0])
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


if __name__ == "__main__":
    program.run(main)
