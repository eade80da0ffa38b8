"""Images for training, as batches of random crops.

A batch is a NumPy array that depends on the seed, the epoch and the index
alone, so that a training that was interrupted sees what it would have seen.
"""

import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from tfstyle import images


class Crops(keras.utils.PyDataset):
    """Batches of random crops, scaled and mirrored at random.

    Args:
        files: Images. Those that cannot be read are left out of later batches
            and replaced by others.
        crop: Side of the crops, in pixels.
        batch_size: Crops in a batch.
        batches: Batches in an epoch.
        smallest: Share of the image's shorter side that a crop covers at
            least; the most is all of it. Logarithms of shares are uniform.
        native: Share of the crops that are not scaled, where the image is
            large enough: what is between neighbouring pixels is left as it is.
        noise: Largest standard deviation of white noise, which is added to
            half of the crops.
        seed: Of all choices.
        epoch: Which one; each has other crops. It stays: Keras' threads ask
            for batches while others are still made.
        first: Index of the first batch that is wanted.
        **kwargs: Passed to `keras.utils.PyDataset`.

    Attributes:
        unreadable: Files that could not be read so far.
    """

    def __init__(
        self,
        files: Sequence[pathlib.Path],
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
        **kwargs: int,
    ) -> None:
        super().__init__(**kwargs)
        self.first = first
        self.files, self.crop, self.batch_size = files, crop, batch_size
        self.batches, self.smallest, self.native = batches, smallest, native
        self.noise, self.seed, self.epoch = noise, seed, epoch
        self.unreadable: set[pathlib.Path] = set()

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> np.ndarray:
        """Float32 of shape `(batch_size, crop, crop, 3)`, RGB in [0, 1].

        Raises:
            ValueError: None of the files can be read.
        """
        place = [self.seed, self.epoch, self.first + index]
        random = np.random.default_rng(place)
        return np.stack([self._crop(random) for _ in range(self.batch_size)])

    def _crop(self, random: np.random.Generator) -> np.ndarray:
        share, down, across, mirror, native, noise = random.random(6)
        image = self._image(random)
        height, width = image.shape[:2]
        side = round(min(height, width) * self.smallest**share)
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
        while len(self.unreadable) < len(self.files):
            file = self.files[int(random.integers(len(self.files)))]
            if file in self.unreadable:
                continue
            try:
                return images.load(file)
            except (OSError, ValueError):
                self.unreadable.add(file)
        raise ValueError(
            f"None of the {len(self.files)} images can be read, such as "
            f"'{self.files[0]}'."
        )


class Pairs(keras.utils.PyDataset):
    """Batches of photographs and style pictures.

    Args:
        contents: Crops of photographs.
        styles: Crops of style pictures; as many batches of the same size.
        **kwargs: Passed to `keras.utils.PyDataset`.
    """

    def __init__(self, contents: Crops, styles: Crops, **kwargs: int) -> None:
        super().__init__(**kwargs)
        self.contents, self.styles = contents, styles

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> tuple[tuple[np.ndarray, np.ndarray]]:
        """A batch `((contents, styles),)`, as `fit` takes it."""
        return ((self.contents[index], self.styles[index]),)
