"""Requests of the benchmark, with images that are like photographs."""

import io
from typing import Any

import numpy as np

KINDS = ("bytes", "tensors")


def request(kind: str, height: int, width: int) -> tuple[str, dict[str, Any]]:
    """Returns signature and inputs for an image of this size and a style.

    Args:
        kind: One of `KINDS`: images as JPEG files, or as arrays.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
    """
    image, style = _picture(height, width), _picture(256, 256)
    strength = np.ones(1, np.float32)
    if kind == "bytes":
        return "stylize_bytes", {
            "content_image_bytes": [_jpeg(image)],
            "style_image_bytes": [_jpeg(style)],
            "strength": strength,
        }
    return "stylize", {
        "content_image": image[None],
        "style_image": style[None],
        "strength": strength,
    }


def _picture(height: int, width: int) -> np.ndarray:
    """Returns smooth colors with some grain, similar to a photograph."""
    y, x = np.mgrid[0 : 6 : 1j * height, 0 : 6 : 1j * width]
    waves = np.stack([np.sin(x + y), np.cos(x * y / 3), np.sin(y - x)], -1)
    grain = np.random.default_rng(0).normal(0, 0.05, waves.shape)
    return np.clip(0.5 + 0.4 * waves + grain, 0, 1).astype(np.float32)


def _jpeg(image: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((255 * image).astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()
