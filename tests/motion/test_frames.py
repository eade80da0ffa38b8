"""`stylize_frames`, with both engines."""

import dataclasses

import numpy as np
import pytest

import clip_files
import helpers
import tfstyle
from tfstyle import images
from tfstyle.adain import loading
from tfstyle.controls import regions, semantic_maps
from tfstyle.motion import mixes
from tfstyle.motion.config import VideoConfig
from tfstyle.motion.frames import make_painter
from tfstyle.motion.one_pass import OnePass
from tfstyle.motion.painting import ClipPainter, StoppedError

FRAMES = [x / np.float32(255) for x in clip_files.pictures(6)]
STYLES = [helpers.image(40, 36, seed) for seed in (5, 8)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.h5"
    helpers.style_model().save_preset(path)
    return str(path)


@pytest.fixture(scope="module")
def paint(model):
    """Paints frames by a model that is loaded once."""
    stylizer = loading.load(model)

    def painted(config, styles=STYLES[:1], frames=FRAMES, blends=None):
        one_pass = OnePass(stylizer, styles, config, blends or {}, None)
        painter = ClipPainter(one_pass, config)
        return [painter.paint(x, i / 25) for i, x in enumerate(frames)]

    return painted


def painted(config, styles=STYLES[:1], frames=FRAMES, **more):
    return [*tfstyle.stylize_frames(frames, styles, config, **more)]


def test_frames_by_themselves_are_pictures_of_the_model(model, paint):
    made = paint(VideoConfig(stability=0), frames=FRAMES[:1])
    single = tfstyle.StyleModel.from_preset(model).stylize(FRAMES[0], STYLES[0])
    np.testing.assert_allclose(made[0], single, atol=1e-4)


def test_large_frames_are_painted_from_coarse_to_fine(model, paint):
    """Each size has its own moments: a frame that stays looks the same."""
    frame = images.resize(FRAMES[0], 96, 128)
    keras = tfstyle.StyleModel.from_preset(model)
    expected = keras.stylize(frame, STYLES[0], start_size=64)
    config = VideoConfig(stability=0, start_size=64)
    for picture in paint(config, frames=[frame, frame]):
        np.testing.assert_allclose(picture, expected, atol=1e-4)
    (at_once,) = paint(VideoConfig(stability=0, start_size=0), frames=[frame])
    assert np.abs(at_once - expected).max() > 0.01


def test_styles_are_seen_at_the_size_of_the_settings(model):
    config = VideoConfig(
        model=model,
        precision="float32",
        style_size=60,
        style_scale=(0.5, 2.0),
    )
    own = dataclasses.replace(config, style_size=0, style_scale=(1.0,))
    sides = ((30, 27), (120, 108))
    pairs = zip(STYLES, sides, strict=True)
    sized = [images.resize(style, *shape) for style, shape in pairs]
    (made,) = painted(config, STYLES, FRAMES[:1])
    (expected,) = painted(own, sized, FRAMES[:1])
    np.testing.assert_allclose(made, expected, atol=1e-4)
    (other,) = painted(own, STYLES, FRAMES[:1])
    assert np.abs(made - other).max() > 1e-3


def test_frames_may_be_pictures_and_are_read_one_by_one(model):
    config = VideoConfig(model=model, size=48, precision="float32")
    asked = []

    def frames():
        for i, frame in enumerate(FRAMES):
            asked.append(i)
            yield np.rint(255 * frame).astype(np.uint8)

    made = tfstyle.stylize_frames(frames(), STYLES[0], config)
    assert next(made).shape == (36, 48, 3)
    assert asked == [0]
    assert len([*made]) == 5


def test_a_bright_thing_changes_the_rest_little(paint):
    """Moments of the photograph are smoothed, but not at a cut."""
    bright = [FRAMES[0], FRAMES[0].copy()]
    bright[1][:, 56:] = 1
    config = VideoConfig(stability=0)
    before, smooth = paint(config, frames=bright)
    (alone,) = paint(config, frames=bright[1:])
    rest = slice(2, 30)
    gaps = [
        np.abs((x - before)[:, rest].mean((0, 1))).max()
        for x in (smooth, alone)
    ]
    assert gaps[0] < 0.5 * gaps[1]
    cut = [FRAMES[0], helpers.image(48, 64, 31)]
    after = paint(config, frames=cut)[1]
    np.testing.assert_allclose(
        after, paint(config, frames=cut[1:])[0], atol=1e-4
    )


def test_blends_over_time(paint):
    config = VideoConfig(stability=0)
    made = paint(config, STYLES, blends={0.0: (1, 0), 0.16: (0, 1)})
    for number, mix in ((0, (1, 0)), (2, (0.5, 0.5)), (5, (0, 1))):
        expected = paint(dataclasses.replace(config, style_mix=mix), STYLES)
        np.testing.assert_allclose(made[number], expected[number], atol=1e-4)


def test_regions_of_each_frame(model):
    config = VideoConfig(model=model, precision="float32")

    def parts():
        for i, frame in enumerate(FRAMES):
            keep = np.zeros(frame.shape[:2], np.float32)
            keep[:, : 8 + 8 * i] = 1
            yield regions.from_masks(frame, STYLES[:1], keep_mask=keep)

    for i, picture in enumerate(painted(config, regions=parts())):
        kept = slice(0, 8 + 8 * i)
        np.testing.assert_array_equal(picture[:, kept], FRAMES[i][:, kept])
        assert np.abs(picture - FRAMES[i])[:, 8 + 8 * i :].mean() > 0.02


def mapped(frame, *colors):
    """Regions of a frame whose map has stripes of these colors."""
    palette = np.eye(3, dtype=np.float32)
    stripes = np.arange(64) * len(colors) // 64
    drawn = np.tile(palette[np.array(colors)[stripes]], (48, 1, 1))
    style = np.tile(palette[np.arange(36) // 12], (40, 1, 1))
    return semantic_maps.from_maps(frame, STYLES[:1], drawn, style)


@pytest.mark.parametrize(
    ("color", "later"),
    [("style", (0, 1)), ("style", (2,)), ("statistics", (0, 1, 2))],
)
def test_maps_may_change_their_colors(model, color, later):
    """Each part is painted like its color in the style, also after a kill."""
    config = VideoConfig(
        model=model, stability=0, color=color, precision="float32"
    )
    parts = [mapped(FRAMES[0], 0, 2), mapped(FRAMES[0], *later)]
    still = FRAMES[0]
    first, alone = (
        make_painter(STYLES[:1], config, {}, part) for part in parts
    )
    first.paint(still, 0.0, parts[0])
    state = {name: np.array(x) for name, x in first.state().items()}
    made = [first.paint(still, 0.0, parts[1]) for _ in range(2)]
    expected = [alone.paint(still, 0.0, parts[1]) for _ in range(2)]
    np.testing.assert_allclose(made, expected, atol=1e-4)
    again = make_painter(STYLES[:1], config, {}, parts[1])
    again.restore(state)
    np.testing.assert_array_equal(again.paint(still, 0.0, parts[1]), made[0])


@pytest.mark.parametrize("color", ["luminance", "statistics"])
def test_colors_of_the_clip(paint, color):
    plain = VideoConfig()
    made, usual = paint(dataclasses.replace(plain, color=color)), paint(plain)

    def gap(pictures):
        pairs = zip(pictures, FRAMES, strict=True)
        return np.mean([np.abs((a - b).mean((0, 1))) for a, b in pairs])

    assert gap(made) < gap(usual)


def test_optimized_frames_fit_those_before():
    frames = [images.resize(x, 36, 48) for x in FRAMES[:3]]
    still = [frames[0], frames[0], frames[0]]
    given = {"engine": "optimize", "steps": 12, "features": "vgg_distilled"}
    steady = painted(VideoConfig(**given), frames=still)
    alone = painted(VideoConfig(**given, stability=0), frames=still)
    changes = [np.abs(x[2] - x[1]).mean() for x in (steady, alone)]
    assert changes[0] < 0.7 * changes[1]
    assert np.abs(steady[2] - frames[0]).mean() > 0.02


def test_optimized_frames_blend_styles_over_time():
    frames = [images.resize(FRAMES[0], 36, 48)] * 3
    config = VideoConfig(engine="optimize", steps=2, features="vgg_distilled")
    blends = {0.0: (1, 0), 0.04: (0, 1)}
    made = painted(config, STYLES, frames, blends=blends)
    first = dataclasses.replace(config, style_mix=(1, 0))
    one = painted(first, STYLES, frames)
    np.testing.assert_array_equal(made[0], one[0])
    assert np.abs(made[2] - one[2]).max() > 0.01


def test_an_optimized_frame_can_be_stopped():
    config = VideoConfig(engine="optimize", steps=4, features="vgg_distilled")
    frame, asked = images.resize(FRAMES[0], 36, 48), []

    def stop():
        asked.append(1)
        return len(asked) > 3

    painter = make_painter(STYLES[:1], config, {}, None, None, stop)
    with pytest.raises(StoppedError):
        painter.paint(frame, 0.0)


@pytest.mark.parametrize("engine", ["transfer", "optimize"])
def test_a_painter_goes_on_from_its_state(model, engine):
    config = VideoConfig(
        model=model,
        engine=engine,
        steps=2,
        features="vgg_distilled",
        precision="float32",
        color="statistics",
        start_size=48,
    )
    side = {"transfer": 72, "optimize": 36}[engine]
    frames = [images.resize(x, side, side * 4 // 3) for x in FRAMES[:4]]

    def painter():
        return make_painter(STYLES[:1], config, {}, None)

    first, second = painter(), painter()
    whole = [first.paint(x, 0.0) for x in frames[:2]]
    second.restore({k: np.array(x) for k, x in first.state().items()})
    for frame in frames[2:]:
        np.testing.assert_array_equal(
            first.paint(frame, 0.0), second.paint(frame, 0.0)
        )
    assert len(whole) == 2


def test_a_model_without_embeddings_goes_on_in_the_same_colors(model):
    config = VideoConfig(model=model, color="statistics", stability=0)
    stylizer = loading.load(model)
    first, second = (
        OnePass(stylizer, STYLES[:1], config, {}, None) for _ in range(2)
    )
    first.begin(FRAMES[0])
    darker = [0.5 * FRAMES[1], 0.4 * FRAMES[2]]
    first.paint(darker[0], 0.0, None)
    state = first.state()
    without = {k: x for k, x in state.items() if "embedding" not in k}
    second.restore(darker[0], without)
    np.testing.assert_allclose(
        second.paint(darker[1], 0.0, None),
        first.paint(darker[1], 0.0, None),
        atol=1e-4,
    )


def test_blends_may_be_given_in_any_order(model):
    config = VideoConfig(model=model, stability=0, style_size=0)
    frames = [FRAMES[0]] * 3
    blends = {0.08: (1, 0), 0: (0, 1)}
    made = painted(config, STYLES, frames, blends=blends)
    ordered = dict(sorted(blends.items()))
    expected = painted(config, STYLES, frames, blends=ordered)
    np.testing.assert_array_equal(made, expected)
    assert np.abs(made[0] - made[2]).max() > 1e-3


def test_wrong_arguments(model, paint):
    config = VideoConfig(model=model)
    with pytest.raises(ValueError, match="`rate` must be positive"):
        painted(config, rate=0)
    scales = VideoConfig(model=model, style_scale=(1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="one for each of the 2 style"):
        painted(scales, STYLES)
    keep = np.eye(48, 64, dtype=np.float32)
    part = regions.from_masks(FRAMES[0], STYLES[:1], keep_mask=keep)
    with pytest.raises(ValueError, match="one for each.*Received: 2"):
        painted(config, regions=[part, part], frames=FRAMES[:3])
    with pytest.raises(ValueError, match="Frame 2 has 64x40 pixels"):
        painted(config, frames=[FRAMES[0], FRAMES[1][:40]])
    with pytest.raises(ValueError, match="must be a VideoConfig"):
        painted(tfstyle.GatysConfig())
    with pytest.raises(ValueError, match="a share for each of the 1"):
        paint(config, blends={0.0: (1, 2)})
    with pytest.raises(ValueError, match="at least 16 pixels"):
        painted(config, frames=[FRAMES[0][:8]])
    with pytest.raises(ValueError, match="is for the engine transfer"):
        VideoConfig(engine="optimize", strength=0.5)


def test_times_of_blends():
    assert mixes.parse(["0.7,0.3"]) == {0.0: (0.7, 0.3)}
    assert mixes.parse(["2:0,1", "1:1,0"]) == {1.0: (1, 0), 2.0: (0, 1)}
    times = [1.0, 2.0, 4.0]
    assert mixes.at(times, 0.0) == (0, 0, 0.0)
    assert mixes.at(times, 3.0) == (1, 2, 0.5)
    assert mixes.at(times, 9.0) == (2, 2, 0.0)
