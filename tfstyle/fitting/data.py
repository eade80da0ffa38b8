"""Images for training, as batches of random crops.

A batch is a NumPy array that depends only on the seed, the epoch and the
index, so that a resumed training sees the same crops.
"""

import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator, Sequence

import keras
import numpy as np

from tfstyle import images

HELD_OUT = 6
"""Photographs that `split` holds out."""


class Crops(keras.utils.PyDataset):
    """Batches of random crops, scaled and mirrored at random.

    Args:
        files: Image files, or images themselves: float32 arrays `(height,
            width, 3)`, RGB in [0, 1]. Unreadable files are replaced by others.
        crop: Side of the crops, in pixels.
        batch_size: Number of crops in a batch.
        batches: Number of batches in an epoch.
        smallest: Least fraction of the image's shorter side that a crop
            covers, at most 1. Fractions are uniform in their logarithm.
        native: Fraction of the crops that are not scaled, where the image is
            large enough: their finest details stay as they are.
        noise: Largest standard deviation of the white noise added to half of
            the crops.
        seed: Seed of all random choices.
        epoch: Number of the epoch; each has other crops. It never changes,
            because Keras' threads prepare several batches at a time.
        first: Index of the first batch.
        unreadable: Set of files known to be unreadable, to which others are
            added; it may be shared. Batches do not depend on it.
        **kwargs: Arguments of `keras.utils.PyDataset`.

    Attributes:
        unreadable: Files found to be unreadable so far.
    """

    def __init__(
        self,
        files: Sequence[pathlib.Path | np.ndarray],
        *,
        crop: int,
        batch_size: int,
        batches: int,
        smallest: float = 0.4,
        native: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
        epoch: int = 0,
        first: int = 0,
        unreadable: set[pathlib.Path] | None = None,
        **kwargs: int,
    ) -> None:
        super().__init__(**kwargs)
        self.first = first
        self.files, self.crop, self.batch_size = files, crop, batch_size
        self.batches, self.smallest, self.native = batches, smallest, native
        self.noise, self.seed, self.epoch = noise, seed, epoch
        self.unreadable = set() if unreadable is None else unreadable

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> np.ndarray:
        """Returns float32 `(batch_size, crop, crop, 3)`, RGB in [0, 1].

        Raises:
            ValueError: None of the files can be read.
        """
        place = [self.seed, self.epoch, self.first + index]
        random = np.random.default_rng(place)
        return np.stack([self._crop(random) for _ in range(self.batch_size)])

    def _crop(self, random: np.random.Generator) -> np.ndarray:
        fraction, down, across, mirror, native, noise = random.random(6)
        image = self._image(random)
        height, width = image.shape[:2]
        side = max(1, round(min(height, width) * self.smallest**fraction))
        if native < self.native and self.crop <= min(height, width):
            side = self.crop
        top = round(down * (height - side))
        left = round(across * (width - side))
        square = image[top : top + side, left : left + side]
        pixels = images.resize(square, self.crop, self.crop)
        pixels = pixels[:, ::-1] if mirror < 0.5 else pixels
        if self.noise and noise < 0.5:
            deviation = 2 * noise * self.noise
            pixels = pixels + random.normal(0, deviation, pixels.shape)
            pixels = np.clip(pixels, 0, 1).astype(np.float32)
        return pixels

    def _image(self, random: np.random.Generator) -> np.ndarray:
        draws = iter(lambda: int(random.integers(len(self.files))), -1)
        return next(readable(self.files, self.unreadable, draws))


class Pairs(keras.utils.PyDataset):
    """Batches of photographs and style pictures.

    Args:
        contents: Crops of photographs.
        styles: Crops of style pictures, as many batches of the same size.
        **kwargs: Arguments of `keras.utils.PyDataset`.
    """

    def __init__(self, contents: Crops, styles: Crops, **kwargs: int) -> None:
        super().__init__(**kwargs)
        self.contents, self.styles = contents, styles

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray]]:
        """Returns a batch `((contents, styles),)` for `keras.Model.fit`."""
        return ((self.contents[index], self.styles[index]),)


def split(
    photographs: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Returns photographs to learn from, and held-out ones.

    At most `HELD_OUT` are held out; fewer than four times as many serve both.
    """
    if len(photographs) < 4 * HELD_OUT:
        return list(photographs), list(photographs)[:HELD_OUT]
    return list(photographs[HELD_OUT:]), list(photographs[:HELD_OUT])


def readable(
    files: Sequence[pathlib.Path | np.ndarray],
    unreadable: set[pathlib.Path],
    indices: Iterable[int],
) -> Iterator[np.ndarray]:
    """Yields the images at some indices of the files, except unreadable ones.

    Args:
        files: Image files, or arrays, which are images themselves.
        unreadable: Set of files to skip, to which unreadable ones are added.
        indices: Indices of the files to read.

    Raises:
        ValueError: None of the files can be read.
    """
    for index in indices:
        image = _read(files[index], unreadable)
        if image is not None:
            yield image
        elif unreadable.issuperset(files):
            raise ValueError(
                f"None of the {len(files)} images can be read, such as "
                f"'{files[0]}'."
            )


def _read(
    file: pathlib.Path | np.ndarray, unreadable: set[pathlib.Path]
) -> np.ndarray | None:
    if isinstance(file, np.ndarray):
        return file
    if file not in unreadable:
        try:
            return images.load(file)
        except (OSError, ValueError):
            unreadable.add(file)
    return None


def digest(files: Sequence[pathlib.Path]) -> str:
    """Returns a hash of the files' names and order, 16 hexadecimal digits.

    Names are relative to the files' common folder, which may be moved. The
    contents of the files do not count.
    """
    paths = [file.absolute() for file in files]
    root = os.path.commonpath([path.parent for path in paths])
    names = "\0".join(str(path.relative_to(root)) for path in paths)
    return hashlib.sha256(os.fsencode(names)).hexdigest()[:16]
