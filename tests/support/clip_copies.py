"""Clips read, and written as they are."""

from fractions import Fraction

import numpy as np

from tfstyle import images
from tfstyle.clips import formats, output, reading
from tfstyle.clips.movies import Movie
from tfstyle.clips.output import Target

PIXELS = 10**6


def copy(content, path, codec="auto", start=0, end=None, segment=5, quality=80):
    """Writes the frames of a clip as they are."""
    clip = reading.open_clip(str(content), PIXELS)
    details, path = clip.details, str(path)
    format = None
    if not formats.is_folder(path):
        format = formats.choose(path, codec, quality, details)
    tracks = isinstance(clip, Movie) and format and not format.silent
    shape = details.height, details.width
    start = Fraction(start)
    tracks = str(content) if tracks else None
    target = Target(path, format, details, shape, tracks, start)
    with output.opened(target) as opened:
        for number, frame in enumerate(clip.frames(start, end), 1):
            opened.writer.write(frame)
            if number % segment == 0:
                opened.writer.end_segment()
        opened.writer.close(end is None)
    return opened.writer


def apart(one, other):
    """Largest mean difference of two frames at the same place."""
    pairs = zip(one, other, strict=True)
    return max(np.abs(a.astype(float) - b).mean() for a, b in pairs)


def frames(content):
    """Frames of a clip as bytes."""
    clip = reading.open_clip(str(content), PIXELS)
    found = clip.frames(Fraction(0), None)
    return [np.rint(255 * frame.pixels).astype(np.uint8) for frame in found]


def folder_of(path, pictures, alpha=None):
    path.mkdir()
    for i, picture in enumerate(pictures):
        pixels = picture / np.float32(255)
        images.save(path / f"shot-{9 + i}.png", pixels, alpha)
    return path


def lasting(path, start=0, end=None):
    """Times and durations of frames."""
    clip = reading.open_clip(str(path), PIXELS)
    found = clip.frames(Fraction(start), end)
    return [(frame.time, frame.duration) for frame in found]
