"""Compares two folders of pictures blind: sides are shuffled, the key is kept.

  python docs/measurements/blind.py shuffle OLD NEW PAIRS SHEETS
  python docs/measurements/blind.py reveal SHEETS
  python docs/measurements/blind.py sheet OLD NEW PAIRS FILE

OLD and NEW are folders with pictures of the same names. PAIRS is a folder with
NAME_content and NAME_style for each. `shuffle` writes a sheet for each name
into SHEETS: photograph and style above, the two pictures below. The key is
written beside SHEETS; nobody opens it. Whoever judges writes files named
`answers*.txt` into SHEETS, a line for each pair: its name, then left, right or
same. `reveal` prints on which pairs more of these files prefer the old picture
or the new one. `sheet` writes one sheet of all pairs that hides nothing: a row
for each, with photograph, style, old and new picture.
"""

import collections
import json
import pathlib
import random
import sys

import numpy as np

from tfstyle import images

_HEIGHT = 480  # Of each image on a sheet, in pixels.


def shuffle(old: str, new: str, pairs: str, sheets: str) -> None:
    """Writes the sheets, and the key beside them."""
    folder = pathlib.Path(sheets)
    folder.mkdir(parents=True)
    key = {}
    for path in sorted(pathlib.Path(old).glob("*.png")):
        sides = [("old", path), ("new", pathlib.Path(new) / path.name)]
        random.SystemRandom().shuffle(sides)
        key[path.stem] = dict(
            zip(["left", "right"], [name for name, _ in sides], strict=True)
        )
        shown = _sources(pairs, path.stem)
        painted = [images.load(p) for _, p in sides]
        both = images.contact_sheet([shown, painted], _HEIGHT)
        images.save(folder / path.name, both)
    _key(sheets).write_text(json.dumps(key, indent=1), "utf-8")


def reveal(sheets: str) -> None:
    """Prints how often each was preferred, and on which pairs."""
    key = json.loads(_key(sheets).read_text("utf-8"))
    votes = collections.defaultdict(collections.Counter)
    for path in pathlib.Path(sheets).glob("answers*.txt"):
        for line in filter(str.strip, path.read_text("utf-8").splitlines()):
            name, side = line.split()
            votes[name][(key[name] | {"same": "same"})[side]] += 1
    preferred = collections.defaultdict(list)
    for name, counted in sorted(votes.items()):
        old, new = counted["old"], counted["new"]
        which = "old" if old > new else "new" if new > old else "same"
        preferred[which].append(f"{name} ({new}:{old})")
    for which, names in sorted(preferred.items()):
        print(which, len(names), *names)


def sheet(old: str, new: str, pairs: str, file: str) -> None:
    """Writes a sheet of all pairs, a row for each."""
    rows = [
        [*_sources(pairs, path.stem), images.load(path)]
        + [images.load(pathlib.Path(new) / path.name)]
        for path in sorted(pathlib.Path(old).glob("*.png"))
    ]
    images.save(file, images.contact_sheet(rows, _HEIGHT))


def _sources(pairs: str, name: str) -> list[np.ndarray]:
    """Returns the photograph and the style of a pair."""
    return [
        images.load(next(pathlib.Path(pairs).glob(f"{name}_{kind}.*")))
        for kind in ("content", "style")
    ]


def _key(sheets: str) -> pathlib.Path:
    path = pathlib.Path(sheets)
    return path.with_name(f"{path.name}_key.json")


_COMMANDS = {"shuffle": shuffle, "reveal": reveal, "sheet": sheet}

if __name__ == "__main__":
    _COMMANDS[sys.argv[1]](*sys.argv[2:])
