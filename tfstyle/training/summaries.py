"""Writes the losses and previews of a training for TensorBoard."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfstyle.runtime.progress import Progress
from tfstyle.runtime.types import Path


class Summaries:
    """Writes losses and pictures; a context manager and `on_step` callback.

    Args:
        folder: Log folder of TensorBoard.

    Raises:
        OSError: A file in the folder cannot be written; from every call.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        with self._named():
            self._writer = tf.summary.create_file_writer(self._folder)

    def __enter__(self) -> "Summaries":
        return self

    def __exit__(self, *unused: object) -> None:
        with self._named():
            self._writer.close()

    def __call__(
        self, progress: Progress, picture: Callable[[], np.ndarray]
    ) -> None:
        """Writes the losses; never ends the run."""
        with self._named(), self._writer.as_default(progress.step):
            for name, value in progress.losses.items():
                tensor = tf.constant(value, tf.float32)
                tf.summary.write(name, tensor, metadata=_SCALAR)

    def image(self, picture: np.ndarray, step: int) -> None:
        """Writes a picture `(height, width, 3)` in [0, 1]."""
        pixels = tf.image.convert_image_dtype(picture, tf.uint8, saturate=True)
        height, width = (str(side) for side in picture.shape[:2])
        parts = tf.stack([width, height, tf.io.encode_png(pixels)])
        with self._named(), self._writer.as_default(step):
            tf.summary.write("preview", parts, metadata=_IMAGE)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Names the folder: TensorFlow takes a full disk for a full memory."""
        try:
            yield
        except tf.errors.OpError as error:
            # Between the names of the operation and of files; the first line
            # is the cause.
            text = re.sub(r"{{.*?}} *| *\[Op:.*", "", error.message)
            raise OSError(
                f"Cannot write for TensorBoard in '{self._folder}': "
                f"{text.partition(chr(10))[0]}"
            ) from error


# As written by `tf.summary.scalar` and `image`, which need the package
# tensorboard. The numbers are DATA_CLASS_SCALAR and DATA_CLASS_BLOB_SEQUENCE.
_SCALAR, _IMAGE = (
    tf.compat.v1.SummaryMetadata(
        plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name=name),
        data_class=number,
    )
    for name, number in (("scalars", 1), ("images", 3))
)
