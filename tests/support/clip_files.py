"""Small movies made by PyAV, with all that files of users have."""

from fractions import Fraction

import av
import numpy as np

import helpers

BASE = Fraction(1, 90_000)


def pictures(count, height=48, width=64, seed=0):
    """Frames of a clip: a pattern that moves 2 pixels to the left each."""
    wide = helpers.image(height, width + 2 * count, seed)
    shown = [wide[:, 2 * i : 2 * i + width] for i in range(count)]
    return [np.rint(255 * x).astype(np.uint8) for x in shown]


def even(count, rate=25):
    """Times of a constant rate, in ticks of `BASE`."""
    return [round(i / rate / BASE) for i in range(count)]


def movie(path, frames, times=None, codec="libx264", pixels="yuv420p", **more):
    """Writes a movie.

    Args:
        path: The file; its ending is that of the container.
        frames: Arrays `(height, width, 3 or 4)` of bytes.
        times: Ticks of `BASE`; a constant rate of 25 if `None`.
        codec: Encoder of FFmpeg.
        pixels: Pixel format.
        **more: `sound`, the codec of a tone; `chapters`; `options` of the
            container; attributes of the codec context, such as `colorspace`.
    """
    times = even(len(frames)) if times is None else times
    sound, chapters = more.pop("sound", None), more.pop("chapters", None)
    options = more.pop("options", {})
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.time_base = pixels, BASE
        stream.codec_context.time_base = BASE
        for name, value in more.items():
            setattr(stream.codec_context, name, value)
        tone = sound and container.add_stream(sound, rate=48_000)
        if chapters:
            container.set_chapters(chapters)
        for array, time in zip(frames, times, strict=True):
            kind = "rgba" if array.shape[-1] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(array), kind
            )
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = time, BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone:
            seconds = float(times[-1] * BASE) + 1 / 25
            container.mux(_tone(tone, seconds))
            container.mux(tone.encode(None))
    return str(path)


def _tone(stream, seconds):
    """Packets of a tone that rises, so that no two are equal."""
    time = np.arange(round(48_000 * seconds)) / 48_000
    wave = 0.3 * np.sin(2 * np.pi * (220 + 400 * time) * time)
    frame = av.AudioFrame.from_ndarray(
        wave.astype(np.float32)[None], "flt", "mono"
    )
    frame.sample_rate, frame.pts = 48_000, 0
    resampler = av.AudioResampler(
        stream.codec_context.format, "mono", 48_000, frame_size=1024
    )
    return [
        packet
        for part in resampler.resample(frame)
        for packet in stream.encode(part)
    ]


def sound(path):
    """Writes a file without video."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        container.mux(_tone(stream, 0.2))
        container.mux(stream.encode(None))


def read(path):
    """Times in seconds, and arrays of bytes, of the frames of a movie."""
    with av.open(str(path)) as container:
        found = [
            (frame.pts * frame.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]
    return [time for time, _ in found], [array for _, array in found]


def packets(path, kind="audio"):
    """Times in seconds, and bytes, of the packets of a stream."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


def subtitled(path, frames, folder):
    """Writes a movie with two lines of text."""
    text = folder / "text.srt"
    lines = ["1\n00:00:00,000 --> 00:00:00,120\nHello\n"]
    lines.append("2\n00:00:00,160 --> 00:00:00,240\nworld\n")
    text.write_text("\n".join(lines))
    plain = movie(folder / "plain.mkv", frames)
    with (
        av.open(str(path), "w") as container,
        av.open(plain) as movies,
        av.open(str(text)) as texts,
    ):
        for source in (movies, texts):
            container.add_stream_from_template(source.streams[0])
        container.streams[1].metadata["language"] = "eng"
        container.start_encoding()
        for source, made in zip(
            (movies, texts), container.streams, strict=True
        ):
            for packet in source.demux():
                if packet.size:
                    packet.stream = made
                    container.mux(packet)
    return str(path)


def rotate(path, turn=(0, 1, -1, 0)):
    """Marks a movie as turned.

    Args:
        path: The movie.
        turn: Where a step to the right leads, right and down, and where a
            step down does; the usual is a turn by 90 degrees clockwise.
    """
    data = bytearray(open(path, "rb").read())
    place = data.index(b"tkhd") + 44  # Of the matrix, in version 0 of the box.
    (a, b, c, d), deep = (part << 16 for part in turn), 1 << 30
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, deep], ">i4")
    data[place : place + 36] = matrix.tobytes()
    with open(path, "wb") as file:
        file.write(data)


def encrypt(path, frames):
    """Writes a movie whose frames need a key."""
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00112233445566778899aabbccddeeff",
        "encryption_kid": "ffeeddccbbaa99887766554433221100",
    }
    return movie(path, frames, options=options)
