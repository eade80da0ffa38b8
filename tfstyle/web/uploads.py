"""Images that were uploaded: checked, reduced where too large, kept.

A file is kept as it came, named by the hash of its content, and by nothing
that the page said. Its name is text to show and no path.
"""

import dataclasses
import hashlib
import json
import pathlib
import tempfile
import threading
import unicodedata
from collections.abc import Iterator

import PIL.Image

from tfstyle import images
from tfstyle.images import png
from tfstyle.images.sizes import SMALLEST
from tfstyle.runtime import files
from tfstyle.web import frames

MOST_BYTES = 64 * 2**20
"""Largest file that is taken."""
LARGEST = 4096
"""Longer side, in pixels, to which larger images are reduced."""

_VIEW = 1600  # Longer side of the pictures that the page shows.
_NAME = 80  # Characters of a name.
_SAMPLES = pathlib.Path(__file__).with_name("samples")
# One at a time: a decoded image may take gigabytes.
_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """An image that is kept.

    Attributes:
        id: Its id, of the hash of the file.
        file: Name of the file in the folder of images.
        name: Text to show.
        width: Width in pixels.
        height: Height in pixels.
        note: What was changed, for the page; empty if nothing was.
        sample: `"photo"` or `"style"` for an image of this package, else
            empty.
    """

    id: str
    file: str
    name: str
    width: int
    height: int
    note: str = ""
    sample: str = ""


class Uploads:
    """Folder of images.

    Args:
        folder: The folder; it is created if it does not exist.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._images = {image.id: image for image in _stored(folder)}

    def __contains__(self, id: object) -> bool:
        return id in self._images

    def every(self) -> list[Image]:
        """Returns all images."""
        return list(self._images.values())

    def get(self, id: str) -> Image:
        """Returns an image.

        Raises:
            KeyError: There is none of this id.
        """
        return self._images[id]

    def path(self, id: str) -> pathlib.Path:
        """Returns the file of an image; raises `KeyError` as `get` does."""
        return self._folder / self.get(id).file

    def view(self, id: str) -> pathlib.Path:
        """Returns the JPEG of an image to show; see `path`."""
        return self._folder / f"{self.get(id).id}.view.jpg"

    def add(self, data: bytes, name: str, sample: str = "") -> Image:
        """Checks and keeps an image file.

        Args:
            data: The file.
            name: Its name, of which only text is kept, to be shown.
            sample: See `Image`.

        Raises:
            ValueError: It is not an image, damaged, too large or too small.
            MemoryError: It is too large for the memory at hand.
        """
        id = hashlib.sha256(data).hexdigest()[:24]
        if id not in self._images:
            with _LOCK:
                self._images[id] = self._keep(id, data, _shown(name), sample)
        return self._images[id]

    def add_samples(self) -> None:
        """Adds the images of this package."""
        for path in sorted(_SAMPLES.glob("*/*.jpg")):
            name = path.stem.replace("_", " ").capitalize()
            self.add(path.read_bytes(), name, path.parent.name)

    def _keep(self, id: str, data: bytes, name: str, sample: str) -> Image:
        picture, ending = _decoded(data, self._folder, name)
        height, width = picture.pixels.shape[:2]
        if min(height, width, *images.fit(height, width, LARGEST)) < SMALLEST:
            raise ValueError(
                f"“{name}” has {width}x{height} pixels. Each side must have "
                f"{SMALLEST} or more, when the longer one has {LARGEST} at "
                "most."
            )
        note = ""
        file = self._folder / f"{id}{ending}"
        if max(height, width) > LARGEST:
            picture, note = _reduced(picture)
            file = file.with_suffix(".png")
            images.save(file, picture.pixels, picture.alpha)
        else:
            _write(file, data)
        shape = picture.pixels.shape
        _write(self._folder / f"{id}.view.jpg", frames.jpeg(picture, _VIEW))
        image = Image(
            id=id,
            file=file.name,
            name=name,
            width=shape[1],
            height=shape[0],
            note=note,
            sample=sample,
        )
        text = json.dumps(dataclasses.asdict(image))
        _write(self._folder / f"{id}.json", text.encode())
        return image


def _stored(folder: pathlib.Path) -> Iterator[Image]:
    """Images of the folder, but those whose files are damaged or missing."""
    for path in sorted(folder.glob("*.json")):
        try:
            image = Image(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
        if (folder / image.file).is_file():
            yield image


def _decoded(
    data: bytes, folder: pathlib.Path, name: str
) -> tuple[images.Picture, str]:
    """The picture of a file, and the ending of its format."""
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        path = pathlib.Path(inside, "upload")
        path.write_bytes(data)
        try:
            picture = images.read(path)
        except (ValueError, OSError) as error:
            text = str(error).replace(f"'{path}'", f"“{name}”")
            raise ValueError(text) from error
        if data.startswith(png.SIGNATURE):  # Pillow may refuse its texts.
            return picture, ".png"
        with PIL.Image.open(path) as opened:
            return picture, f".{(opened.format or 'png').lower()}"


def _reduced(picture: images.Picture) -> tuple[images.Picture, str]:
    height, width = picture.pixels.shape[:2]
    shape = images.fit(height, width, LARGEST)
    alpha = picture.alpha
    small = images.Picture(
        images.resize(picture.pixels, *shape),
        None if alpha is None else images.resize(alpha, *shape),
    )
    return small, (
        f"Reduced from {width}x{height} to {shape[1]}x{shape[0]} pixels."
    )


def _write(path: pathlib.Path, data: bytes) -> None:
    with files.atomic(path) as file:
        file.write(data)


def _shown(name: str) -> str:
    """The last part of a name, without characters that do not show."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    text = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    return text[:_NAME].strip() or "image"
