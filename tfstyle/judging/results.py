"""Pictures of pairs that other programs have painted, in folders."""

import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from tfstyle import images
from tfstyle.images import folders

_UNLIKE = 0.02  # Relative difference of aspects that is not rounding.


class Results:
    """Finds and reads pictures, named such as cat_wave.png.

    That is one of cat.jpg in the style of wave.jpg; cat_stylized_wave.jpg, as
    some programs write it, is another name for it.

    Args:
        roots: Folders of pictures.
        note: Function that is told which pictures are missing.

    Raises:
        NotADirectoryError: One of them is not a folder.
        ValueError: One of them has no images.
    """

    def __init__(
        self, roots: Iterable[str], note: Callable[[str], None]
    ) -> None:
        # The first of a name stays.
        self._paths = {
            root: {path.stem: path for path in reversed(folders.find([root]))}
            for root in roots
        }
        self._note = note

    def note_missing(
        self, pairs: Iterable[tuple[pathlib.Path, pathlib.Path]]
    ) -> None:
        """Names the pictures that are missing, of pairs of files."""
        for content, style in pairs:
            for root, paths in self._paths.items():
                if _find(paths, content, style) is None:
                    self._note(
                        f"no picture of {content.name} with {style.name} in "
                        f"'{root}', such as {content.stem}_{style.stem}.png"
                    )

    def load(
        self, content: pathlib.Path, style: pathlib.Path, photo: np.ndarray
    ) -> dict[str, np.ndarray | None]:
        """Reads the pictures of a pair, in the shape of the photograph.

        Returns:
            Folder -> picture, or `None` if it is missing or cannot be read.
        """
        found: dict[str, np.ndarray | None] = {}
        for root, paths in self._paths.items():
            path = _find(paths, content, style)
            try:
                found[root] = _fitted(path, photo) if path else None
            except (OSError, ValueError) as error:
                found[root] = None
                self._note(
                    f"no picture of {content.name} with {style.name} in "
                    f"'{root}': {error}"
                )
        return found


def _find(
    paths: dict[str, pathlib.Path], content: pathlib.Path, style: pathlib.Path
) -> pathlib.Path | None:
    names = [f"{content.stem}{s}{style.stem}" for s in ("_", "_stylized_")]
    return next((paths[name] for name in names if name in paths), None)


def _fitted(path: pathlib.Path, photo: np.ndarray) -> np.ndarray:
    """Reads a picture, in the shape of the photograph."""
    picture = images.load(path)
    height, width = photo.shape[:2]
    if abs(picture.shape[0] / picture.shape[1] * width / height - 1) > _UNLIKE:
        raise ValueError(
            f"'{path}' has another shape than the photograph: expected that of "
            f"{width}x{height}. Received: "
            f"{picture.shape[1]}x{picture.shape[0]}"
        )
    return images.resize(picture, height, width)
