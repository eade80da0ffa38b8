r"""Draws the style pictures of this folder.

Takes about a quarter of a minute, and needs NumPy and Pillow only. Without a
folder the pictures go beside this file. Example:

  python examples/draw_styles.py /tmp/styles

The random numbers are seeded: the same versions draw the same pictures.
Painters draw at twice the final size, which `main` halves to smooth the edges.
Lengths are in pixels of the drawing and y points down. Fields and images are
arrays of shape `(height, width)` and `(height, width, 3)`, colours in [0, 1].
"""

import argparse
import pathlib

import numpy as np
from PIL import Image


def colours(codes):
    """Returns the RGB of hexadecimal codes: shape (codes, 3)."""
    return np.array([list(bytes.fromhex(code)) for code in codes.split()]) / 255


def palette(codes, t):
    """Returns the colours at `t` in [0, 1] along evenly spaced `codes`."""
    stops = colours(codes)
    at = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, at, channel) for channel in stops.T], -1)


def grid(width, height):
    """Returns the coordinates x and y of every pixel."""
    y, x = np.mgrid[:height, :width].astype(float)
    return x, y


def ramp(x, low, high):
    """Goes smoothly from 0 where `x` is `low` to 1 where it is `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, t):
    """Goes from colours `a` to `b` as the field `t` goes from 0 to 1."""
    return a + (b - a) * np.asarray(t, float)[..., None]


def filtered(field, gain):
    """Multiplies the spectrum by `gain`, a function of frequencies y and x."""
    fy = np.fft.fftfreq(field.shape[0])[:, None]
    fx = np.fft.rfftfreq(field.shape[1])
    return np.fft.irfft2(np.fft.rfft2(field) * gain(fy, fx), field.shape)


def blur(field, sigma):
    """Convolves with a Gaussian; the borders are mirrored."""
    pad = int(3 * sigma) + 1
    field = np.pad(field.astype(float), pad, mode="reflect")
    width = -2 * (np.pi * sigma) ** 2
    field = filtered(field, lambda fy, fx: np.exp(width * (fy**2 + fx**2)))
    return field[pad:-pad, pad:-pad]


def noise(rng, shape, wide, high=None, steep=1.0):
    """Returns noise of mean 0 and deviation 1 with lumps of `wide` x `high`.

    Smaller waves are the weaker, the larger `steep` is.
    """
    high = high or wide

    def gain(fy, fx):
        return (1 + (2 * high * fy) ** 2 + (2 * wide * fx) ** 2) ** -steep

    field = filtered(rng.normal(size=shape), gain)
    return (field - field.mean()) / field.std()


def lit(image, relief, gloss=0.0):
    """Lights a relief (heights in pixels) from the upper left."""
    dy, dx = np.gradient(relief)
    facing = (1 + 0.7 * (dx + dy)) / np.sqrt(1 + dx**2 + dy**2)
    shine = gloss * ramp(facing, 1.1, 1.9)
    return image * (0.25 + 0.75 * facing)[..., None] + shine[..., None]


def scatter(rng, width, height, spacing):
    """Returns points (n, 2) on a shaken grid, in random order."""
    ends = width + spacing, height + spacing
    points = np.mgrid[: ends[0] : spacing, : ends[1] : spacing]
    points = points.reshape(2, -1).T
    shift = rng.uniform(-0.7, 0.7, points.shape) * spacing
    return rng.permutation(points + shift)


def pick(field, points):
    """Looks up `field` at the nearest pixels to points x, y."""
    limit = np.array(field.shape[1::-1]) - 1
    x, y = np.clip(points, 0, limit).astype(int).T
    return field[y, x]


def trace(start, angle, length):
    """Follows a field of angles; returns paths (strokes, length, 2)."""
    paths = [start]
    for _ in range(length - 1):
        turn = pick(angle, paths[-1])
        step = np.stack([np.cos(turn), np.sin(turn)], -1)
        paths.append(paths[-1] + 0.7 * step)
    return np.stack(paths, 1)


def brush(rng, image, relief, paths, width, tints, blunt):
    """Lays strokes of paint, one over the other, on image and relief.

    `width` is half the width; `blunt` goes from 2, an oval dab, to 8, a
    stroke with square ends. The hairs of the brush furrow the paint.
    """
    v = np.linspace(-1, 1, int(3 * width))
    u = np.linspace(-1, 1, paths.shape[1])[:, None]
    for path, tint in zip(paths, tints, strict=True):
        ahead = np.gradient(path, axis=0)
        side = ahead[:, ::-1] * [-1, 1] / np.hypot(*ahead.T)[:, None]
        spots = path[:, None] + side[:, None] * (width * v[:, None])
        x, y = np.rint(spots).astype(int).transpose(2, 0, 1)
        hairs = np.convolve(rng.normal(size=len(v)), [0.5, 0.5, 0.5], "same")
        wet = np.abs(u + 0.07 * hairs) ** blunt + v**2 < 1
        wet &= (x >= 0) & (x < image.shape[1]) & (y >= 0) & (y < len(image))
        # Paint is pushed to the sides and to the end of a stroke.
        thick = 0.22 * v**2 + 0.1 * u + 0.1 * hairs + 0.5 * rng.random()
        paint = tint + 0.035 * (hairs + 0 * u)[..., None]
        image[y[wet], x[wet]] = paint[wet]
        relief[y[wet], x[wet]] = width * thick[wet]


STARS = [(930, 190, 80), (250, 140, 50), (90, 380, 38), (720, 80, 36)]
STARS += [(1140, 430, 48), (420, 60, 28), (330, 500, 32), (860, 510, 28)]
STARS += [(60, 80, 28), (1230, 90, 30)]


def night(rng, x, y):
    """Sketches a starry sky: colours, and the angles of the strokes."""
    wave = noise(rng, x.shape, 420, steep=2)
    flow = 1 + 1j * (0.45 * np.sin(x / 150 + wave) + 0.25 * wave)
    glow = np.full(x.shape, 9.0)
    for i, (sx, sy, radius) in enumerate(STARS):
        z = x - sx + 1j * (y - sy)
        far = np.abs(z) / radius
        pull = 4 * (-1) ** i * np.exp(-((far / 2.2) ** 2)) / (np.abs(z) + 1)
        flow += pull * z * (1j - 0.3)
        glow = np.minimum(glow, far)
    # The great whirl between the stars, with two arms.
    z = (x - 560 + 1j * (y - 350)) / 120
    far = np.abs(z)
    flow -= 5 * np.exp(-((far / 1.9) ** 2)) / (far + 0.01) * z * (1j + 0.35)
    arms = 0.5 + 0.42 * np.sin(2 * np.angle(z) - 4 * np.sqrt(far))
    tone = 0.38 + 0.2 * np.sin(y / 24 + 2.2 * wave + np.sin(x / 170))
    tone += np.exp(-((far / 1.5) ** 4)) * (arms - tone)
    tone += 0.07 * noise(rng, x.shape, 60)
    sky = palette("0b1230 16296b 1f49a0 3a7fc4 8fc4d8 e9e6bd", tone)
    rings = (glow + 0.16 * np.sin(14 * glow)) / 2.4
    lamp = palette("fff6cf ffe27a f7b72c 9fb98f 3a7fc4", rings)
    return mix(lamp, sky, ramp(glow, 1.3, 2.4)), np.angle(flow)


def impasto(rng):
    """Starry night over wheat, in thick swirling strokes."""
    x, y = grid(1280, 1024)
    sketch, angle = night(rng, x, y)
    crest = 690 + 45 * np.sin(x / 120 + 1) + 30 * np.sin(x / 51) + 0.05 * x
    tone = 0.4 + 0.3 * np.sin((y - crest) / 17 + noise(rng, x.shape, 150))
    hills = palette("0d1a33 173a5c 2c6a6a 5d8f5a", tone)
    sketch = mix(sketch, hills, y > crest)
    slope = np.arctan(1.2 * np.gradient(crest, axis=1))
    angle = np.where(y > crest, slope, angle)
    edge = 800 + 40 * np.sin(x / 210 + 2)
    tone = 0.5 + 0.2 * np.sin(y / 23 + x / 90)
    tone += 0.22 * noise(rng, x.shape, 160, 40)
    wheat = palette("3d4a2a 7a4416 a4611a d9921f f0bd3a f7dc83", tone)
    sketch = mix(sketch, wheat, y > edge)
    stalks = 0.5 * noise(rng, x.shape, 260, steep=2) - 1
    angle = np.where(y > edge, stalks, angle)
    image, relief = 0.6 * sketch, np.zeros(x.shape)
    for width, length, spacing in [(13, 190, 24), (8, 130, 15), (5, 80, 12)]:
        start = scatter(rng, 1280, 1024, spacing)
        tints = pick(sketch, start) * rng.normal(1, 0.13, (len(start), 1))
        tints += rng.normal(0, 0.02, tints.shape)
        paths = trace(start, angle, length)
        brush(rng, image, relief, paths, width, tints, blunt=8)
    return lit(image, blur(relief, 0.8), gloss=0.25)


SUN = "fff0b8 ffd24a f9a11b ee6a1c d42f24 a11d4f 5a2a8c 2c4fb8 1d7fb0 123a86"
RINGS = [62, 104, 158, 222, 300, 370, 460, 540, 650]
RAYS = np.array([1, 9, 14, 18, 24, 26, 32, 36, 40, 44])
LAKE = "0f3f8f 1f74c4 37a6c9 a5dbe0"
FIELDS = [LAKE, "0d4a4a 14694f 3f8a46 276a86"]
FIELDS += ["2f7d2f 79a82b c9bd2d 1f6b3f d8762a"]


def nearest(x, y, points):
    """Returns for every pixel the index of the nearest of `points`."""
    best, index = np.full(x.shape, np.inf), np.zeros(x.shape)
    for i, (px, py) in enumerate(points):
        far = (x - px) ** 2 + (y - py) ** 2
        index[far < best] = i
        best = np.minimum(best, far)
    return index


def panes(rng, x, y):
    """Yields parts of a window: where, the numbers of its panes, colours."""
    bend, sway = (12 * noise(rng, x.shape, 330, steep=1.5) for _ in range(2))
    z = x - 560 + bend + 1j * (y - 450 + sway)
    ring = np.digitize(np.abs(z), RINGS)
    turn = np.angle(z) / (2 * np.pi) + 0.5
    ray = np.floor(turn * RAYS[ring] + 0.37 * ring) % RAYS[ring]
    pane = 1000 * ring + ray
    # The golden angle, 2.4: neighbours get unlike hues.
    hues = ring / 9 + 0.08 * np.sin(2.4 * pane) * (ring > 0)
    yield True, pane, palette(SUN, hues)
    cell = nearest(x, 1.6 * y, scatter(rng, 1024, 2048, 84))
    hues = 0.5 + 0.5 * np.sin(2.4 * cell)
    hills = [(690, 50, 190), (790, 45, 130), (890, 50, 260)]
    for i, (base, high, period) in enumerate(hills):
        inside = y > base + high * np.sin(x / period + 2.1 * i) + bend
        yield inside, 10000 * (i + 1) + cell, palette(FIELDS[i], hues)
    across = (x - 470 - 120 * np.sin(y / 130) - bend) / np.maximum(y - 700, 1)
    wave = np.floor((y + 16 * np.sin(x / 50)) / 44)
    pane = 50000 + 9 * wave + np.floor(2.6 * across + wave % 2 / 2)
    inside = (np.abs(across) < 0.6) & (y > 740)
    yield inside, pane, palette(LAKE, 0.65 + 0.35 * np.sin(2.4 * pane))
    edge = np.minimum(np.minimum(x, 1023 - x), np.minimum(y, 1279 - y))
    block = np.floor((x + 8) / 80) + 13 * np.floor(y / 80)
    gems = palette("b0121f e09a1a 1b4fae 6b1f7a", block * 7 // 3 % 4 / 3)
    yield edge < 72, 80000 + block, gems
    block = np.floor((x + y) / 128)
    yield edge < 22, 90000 + block, colours("1a2a5e")


def borders(number):
    """Returns a soft line where neighbouring pixels differ."""
    differs = number != np.roll(number, 1, 0)
    return blur(differs | (number != np.roll(number, 1, 1)), 4.5)


def stained_glass(rng):
    """Sun over hills and a stream, in a leaded window."""
    x, y = grid(1024, 1280)
    number, design = np.zeros(x.shape), np.zeros((*x.shape, 3))
    for inside, numbers, tints in panes(rng, x, y):
        number = np.where(inside, numbers, number)
        design = mix(design, tints, inside)
    lead = borders(number) + 0.5 * borders(number // 1000)
    _, pane, area = np.unique(number, return_inverse=True, return_counts=True)
    pane = pane.reshape(x.shape)
    sums = [np.bincount(pane.flat, c) for c in design.reshape(-1, 3).T]
    tint = np.stack(sums, -1) / area[:, None]
    tint *= rng.uniform(0.65, 1.15, (len(area), 1))
    tint = np.clip(tint + rng.normal(0, 0.03, tint.shape), 0.01, 1)[pane]
    sizes = [(130, 25), (25, 130), (50, 50)]
    streaks = [noise(rng, x.shape, *size, steep=1.3) for size in sizes]
    streak = np.choose(rng.integers(0, 3, len(area))[pane], streaks)
    light = 1.05 - 3.2 * blur(lead, 16) + 0.2 * streak
    light += 0.25 * np.exp(-np.hypot(x - 560, y - 450) / 400)
    light = light + rng.normal(0, 0.02, x.shape)
    # Thick glass is darker and purer, thin glass lets white light through.
    glass = tint ** (1.9 - 0.9 * np.clip(light, 0, 1.4)[..., None])
    glass = mix(0.36 * glass, 1.2 * glass, light)
    glass = lit(glass, 0.5 * noise(rng, x.shape, 22, steep=1.3), gloss=0.1)
    glow = [blur(channel, 24) for channel in np.moveaxis(glass, 2, 0)]
    glass += 0.12 * np.stack(glow, -1)
    relief = 30 * np.sqrt(np.clip(lead, 0, 1)) + 0.3 * noise(rng, x.shape, 9)
    metal = lit(np.full(glass.shape, 0.12), relief, gloss=0.4)
    return mix(glass, metal, ramp(lead, 0.045, 0.07))


def hatch(phase, tone):
    """Cuts lines at whole values of `phase`; all black where `tone` is 1."""
    slope = np.hypot(*np.gradient(phase)) + 1e-3
    ridge = 2 * np.abs((phase + 0.5) % 1 - 0.5)
    # The edge of a line is one pixel wide, whatever its spacing.
    return np.clip((tone - ridge) / (2 * slope) + 0.5, 0, 1)


def ink_over(plates, inside, *inks):
    """Recuts the plates (black, indigo, vermilion) where `inside`."""
    for plate, ink in zip(plates, inks, strict=True):
        plate[...] = np.where(inside, ink, plate)


def cut_sky(rng, plates, x, y, wood):
    """Cuts rings around a sun, and clouds."""
    far = np.hypot(x - 880, y - 290)
    tone = 0.1 + 0.75 * ramp(far, 150, 900) + 0.12 * wood
    rings = hatch((far + 8 * wood) / 15, tone)
    dawn = 0.55 * ramp(y, 280, 600)
    ink_over(plates, True, rings, 0.85 * ramp(y, 470, 0), dawn)
    puff = noise(rng, x.shape, 330, 100, steep=1.35) - 0.6
    tone = 0.62 - 0.6 * puff + 0.15 * wood
    lines = hatch((y + 26 * puff + 3 * wood) / 10, tone)
    ink_over(plates, puff > 0, lines, 0, 0.25 * ramp(puff, 0.7, 0))
    plates[0][np.abs(puff) < 0.02] = 1
    ink_over(plates, far < 126, 0, 0, 1)


def cut_mountain(rng, plates, x, y, wood, peak, steep):
    """Cuts a mountain with a bright and a dark side."""
    px, py = peak
    jag = 15 * noise(rng, x.shape, 150, steep=1.5)
    under = y - py + jag - steep * np.abs(x - px)
    down = (y - py) / 300
    side = x - px + 2.2 * jag + 60 * np.sin(8 * down) * down
    dark = 0.66 + 0.14 * wood - 0.25 * down
    tone = np.where(side > 0, dark, 0.7 * down - 0.1 + 0.08 * wood)
    along = np.where(side > 0, 0.9 * x + 0.55 * y, 0.8 * y - 0.65 * x)
    gullies = jag + 5 * noise(rng, x.shape, 60, steep=1.5)
    lines = hatch((along + gullies) / 12, tone)
    lines[(np.abs(under) < 4) | (np.abs(side) < 3)] = 1
    rust = 0.35 * (side < 0) * ramp(down, 0.2, 1.2)
    ink_over(plates, under > 0, lines, 0.6 * (side > 0), rust)


def cut_wave(rng, plates, x, y, wood, row):
    """Cuts one row of waves, with foam along the crests."""
    turn = x / (110 + 17 * row) + 1.9 * row
    turn = turn + 0.7 * noise(rng, (1, 1280), 300, steep=1.5)
    swell = 38 + 3 * row
    lean = np.abs(np.sin(turn + 0.3 * np.sin(2 * turn)))
    below = y - 625 - 50 * row + 1.5 * swell * (1 - lean) ** 1.25 - 2 * wood
    tone = 0.97 - 0.95 * ramp(below, 14, 60 + swell) + 0.15 * wood
    foam = 11 + 5 * noise(rng, x.shape, 26, steep=1.5)
    ripple = 3 * np.sin(9 * turn) * ramp(below, 60, 20)
    lines = hatch((below + ripple) / 10, tone) * (below > foam)
    lines[np.abs(below) < 2.5] = 1
    ink_over(plates, below > 0, lines, 0.95 * (below > foam + 2), 0)


PEAKS = {(1120, 310): 0.8, (160, 290): 0.75, (700, 430): 0.6}
PEAKS |= {(400, 170): 0.95, (980, 460): 0.7}


def woodcut(rng):
    """Sun, mountains and waves, printed from three blocks."""
    x, y = grid(1280, 960)
    wood = noise(rng, x.shape, 90, steep=1.3)
    plates = np.zeros((3, *x.shape))
    cut_sky(rng, plates, x, y, wood)
    for peak, steep in PEAKS.items():
        cut_mountain(rng, plates, x, y, wood, peak, steep)
    for row in range(8):
        cut_wave(rng, plates, x, y, wood, row)
    worn = 0.05 * noise(rng, x.shape, 4) + 0.05 * noise(rng, x.shape, 60, 3)
    fibre = 1 + 0.02 * noise(rng, x.shape, 5) + 0.02 * wood
    image = colours("efe3c6") * fibre[..., None]
    for plate, ink in zip(plates, colours("17130f 3a6ea3 d8402a"), strict=True):
        image *= mix(1, ink, plate * np.clip(0.93 + worn, 0, 1))
    return image


PIGMENTS = """
    fff6dc fbe28a f2c230 f08a24 e2502c b3243c e88fa0 7a2f86 b79fd8 3a2f86
    2350b8 4a8fdc a6d4ee 1f8f9a 1b6b4a 4fa23c a9c93a dfe68a f6c9a0 221c4a
"""


def sail(x, y, foot, high, sign):
    """Returns where the sail of a boat is, on one side of its mast."""
    away, up = sign * (x - foot[0]), foot[1] - y
    return (away > 2) & (up > 0) & (away < 0.45 * (high - up))


def river(rng, x, y):
    """Sketches sky, trees on the far bank, water and boats."""
    tone = y / 420 + 0.1 * noise(rng, x.shape, 200)
    sky = palette("3f76c8 6fa6dc a9cbe0 e6d7c8 fbd2a0", tone)
    puff = noise(rng, x.shape, 260, 90)
    sketch = mix(sky, colours("fff3d6"), 0.8 * ramp(puff, 0.4, 1.4))
    bank = 395 + 14 * noise(rng, (1, 1280), 160)
    tops = bank - 60 - 26 * noise(rng, (1, 1280), 110)
    tone = 0.45 + 0.22 * noise(rng, x.shape, 70)
    trees = palette("3d3f8f 4a6fa8 5f9a7a b9b45a", tone)
    sketch = mix(sketch, trees, (y > tops) & (y < bank))
    ripple = 10 * noise(rng, x.shape, 90, 8)
    above = np.clip(800 - y + ripple, 0, 400)
    mirror = sketch[above.astype(int), x.astype(int)] * [0.8, 0.9, 1.0]
    shine = 0.25 + 0.3 * ramp(noise(rng, x.shape, 160, 10), -1, 1.5)
    sketch = mix(sketch, mix(mirror, colours("2f5fb0"), shine), y > bank)
    for bx, by, high in [(700, 470, 110), (880, 440, 70), (560, 432, 56)]:
        for sign, tint in [(-1, "fffbe8"), (1, "f3a65a")]:
            cloth = sail(x, y, (bx, by), high, sign)
            image = sail(x, 2 * by + 12 - y, (bx, by), high, sign)
            sketch = mix(sketch, colours(tint), cloth + 0.5 * image)
        hull = (np.abs(y - by - 5) < 6) & (np.abs(x - bx) < 0.5 * high)
        sketch = mix(sketch, colours("7a2f3a"), hull)
    return sketch


def meadow(rng, x, y, sketch):
    """Adds the near bank, and a tree with its shade."""
    leaves = noise(rng, x.shape, 50)
    shore = 700 - 0.13 * x + 120 * ramp(x, 300, 1280)
    shore = shore + 26 * noise(rng, (1, 1280), 200)
    shade = noise(rng, x.shape, 240, 50) - 0.9
    shade += 1.6 * ramp(y, 700, 960) + 0.8 * ramp(x, 700, 100)
    tone = 0.62 + 0.1 * leaves - 0.5 * ramp(shade, -0.5, 0.7)
    grass = palette("1d3b78 1f6b52 5fa23a c9cf3f f4e05a", tone)
    sketch = mix(sketch, grass, y > shore)
    trunk = np.abs(x - 210 - 16 * np.sin(y / 90)) < 20 + 0.03 * np.abs(y - 560)
    sketch = mix(sketch, colours("4b2c5e"), trunk & (y > 300) & (y < 790))
    far = np.hypot((x - 190) / 1.25, y - 200)
    far = np.minimum(far, np.hypot(x - 20, (y - 390) * 1.3))
    tone = 0.42 + 0.22 * leaves + (290 - x - 0.5 * y) / 1500
    crown = palette("23286e 1f5c58 4c9440 c3c93a", tone)
    return mix(sketch, crown, far + 46 * noise(rng, x.shape, 150) < 235)


def pointillism(rng):
    """Riverside in dots of pure colour."""
    x, y = grid(1280, 960)
    sketch = meadow(rng, x, y, river(rng, x, y))
    image = 0.3 * sketch + 0.45 * colours("e8d9b8")
    relief, pigments = np.zeros(x.shape), colours(PIGMENTS)
    angle = 0.8 * noise(rng, x.shape, 300, steep=2)
    for width, stray in [(8, 0.08), (7, 0.11), (5, 0.14)]:
        start = scatter(rng, 1280, 960, 10)
        tints = pick(sketch, start)
        grey = tints.mean(-1, keepdims=True)
        # Seldom the complement, which makes its neighbours glow.
        purity = np.where(rng.random(grey.shape) < 0.1, -1, 1.15)
        tints = grey + purity * (tints - grey)
        tints += rng.normal(0, stray, tints.shape)
        apart = ((tints[:, None] - pigments) ** 2).sum(-1)
        tints = 0.75 * pigments[apart.argmin(1)] + 0.25 * tints
        tints += rng.normal(0, 0.04, grey.shape)
        paths = trace(start, angle, 3 * width)
        tints = np.clip(tints, 0.03, 0.98)
        brush(rng, image, relief, paths, width, tints, blunt=2)
    return lit(image, 0.5 * blur(relief, 1), gloss=0.05)


LEAF = ["4f8a4a", "2f6f5f", "8fae4a", "3f7f8a", "6f9a6a"]
HEART = ["2a2450", "43245a", "e0a020", "1f3050"]
ROSE = ["e0457a", "f07a6a", "c92f6a"]
CORAL = ["f0642f", "f59a3a", "e23f3a"]
VIOLET = ["7a4fb8", "4f5fc4", "a35fc0"]
FLOWERS = [(330, 330, 250, CORAL), (760, 520, 270, ROSE)]
FLOWERS += [(280, 820, 240, VIOLET), (820, 120, 170, VIOLET)]
FLOWERS += [(700, 1010, 220, CORAL), (90, 560, 130, ROSE)]
FLOWERS += [(420, 1180, 170, ROSE), (980, 830, 150, VIOLET)]
FLOWERS += [(80, 80, 150, ROSE), (560, 40, 120, CORAL)]
FLOWERS += [(60, 1120, 140, CORAL), (960, 1220, 150, VIOLET)]


def bouquet(rng):
    """Yields places x, y, angles, lengths, shapes and colours of petals."""
    for _ in range(46):
        place = rng.uniform(0, 1024), rng.uniform(60, 1279)
        length, wide = rng.uniform(150, 330), rng.uniform(0.09, 0.2)
        angle, tint = rng.normal(-1.6, 0.9), rng.choice(LEAF)
        yield *place, angle, length, (wide, 1.5), tint
    for x, y, size, tints in FLOWERS:
        turn = rng.uniform(0, 6)
        for i in range(9):
            wide = rng.uniform(0.36, 0.5)
            length = size * rng.uniform(0.8, 1.1)
            yield x, y, turn + 2.4 * i, length, (wide, 5), rng.choice(tints)
        for _ in range(7):
            length = size * rng.uniform(0.2, 0.3)
            yield x, y, rng.uniform(0, 7), length, (0.5, 4), rng.choice(HEART)


def wash(rng, depth):
    """Returns how much pigment dries where; `depth` is the way to the edge."""
    depth = depth + 3 * noise(rng, depth.shape, 50)
    tide = 0.95 * np.exp(-np.maximum(depth, 0) / 4)
    pool = 0.75 + 0.26 * noise(rng, depth.shape, 110)
    return 0.65 * ramp(depth, -1.5, 1.5) * np.maximum(tide + pool, 0.1)


def petal(rng, x, y, angle, length, shape):
    """Returns the pigment of a petal that starts at (0, 0), and where it is."""
    wide, blunt = shape
    z = (x + 1j * y) * np.exp(-1j * angle) / length
    t = np.clip(z.real, 0, 1)
    side = z.imag + 0.12 * np.sin(3 * z.real) * rng.normal()
    half = wide * t**0.6 * (1 - t**blunt) ** 0.6 - np.abs(side)
    half += 0.03 * t * noise(rng, x.shape, 60)
    depth = length * np.where(z.real < 0, -1, half)
    veins = 0.12 * np.sin(side / (0.02 + 0.06 * t) + 4 * t)
    return wash(rng, depth) * (1.35 - 0.75 * t + veins), ramp(depth, -2, 3)


def soak(amount, code):
    """Returns the absorbance of an amount of pigment."""
    return amount[..., None] * -np.log(colours(code))


def watercolor(rng):
    """Flowers in washes on rough paper."""
    x, y = grid(1024, 1280)
    layers = np.zeros((*x.shape, 3))
    for code in ["a5d8ec", "d8bfe6", "fbd9b4", "bfe2c4"]:
        layers += soak(wash(rng, 60 * noise(rng, x.shape, 420) + 10), code)
    for px, py, angle, length, shape, code in bouquet(rng):
        left, top = int(max(px - length, 0)), int(max(py - length, 0))
        part = np.s_[top : int(py + length), left : int(px + length)]
        place = x[part] - px, y[part] - py
        amount, cover = petal(rng, *place, angle, length, shape)
        # Wet paint lifts most of the dry paint below.
        layers[part] *= 1 - 0.7 * cover[..., None]
        layers[part] += soak(amount, code)
    depth = np.full(x.shape, -9.0)
    for px, py, r in rng.uniform((0, 0, 2), (1024, 1280, 9), (50, 3)):
        depth = np.maximum(depth, r - np.hypot(x - px, y - py))
    layers += soak(wash(rng, depth), "b3406a")
    tooth = noise(rng, x.shape, 7)
    grain = 1 - 0.1 * tooth + 0.06 * noise(rng, x.shape, 2)
    layers *= np.maximum(grain, 0)[..., None]
    return lit(colours("fbf6ea") * np.exp(-layers), 0.16 * tooth)


STYLES = [impasto, stained_glass, woodcut, pointillism, watercolor]


def main():
    """Writes every picture into the folder of the command line."""
    parser = argparse.ArgumentParser(description="Draws the style pictures.")
    here = pathlib.Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=here)
    folder = parser.parse_args().folder
    if folder.is_file():
        parser.error(f"'{folder}' is a file. Expected: a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for seed, painter in enumerate(STYLES):
        image = np.clip(painter(np.random.default_rng(seed)), 0, 1)
        image = Image.fromarray(np.uint8(255 * image + 0.5))
        half = image.width // 2, image.height // 2
        image = image.resize(half, Image.Resampling.LANCZOS)
        path = folder / f"{painter.__name__}.jpg"
        image.save(path, quality=88, optimize=True)


if __name__ == "__main__":
    main()
