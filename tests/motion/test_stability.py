"""Frames that fit those before, on clips whose motion is known."""

import pathlib

import numpy as np
import pytest

import moving_scenes
from tfstyle import images
from tfstyle.motion import cuts, filters, flow, measures
from tfstyle.motion.stability import Stabilizer

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
SHAPE = 120, 160
COUNT = 24


@pytest.fixture(scope="module", params=[False, True], ids=["pan", "disc"])
def scene(request):
    return moving_scenes.scene(
        EXAMPLES, SHAPE, front=request.param, pan=1.0, noise=0.01
    )


def strokes(frame, seed):
    """A painting that has other strokes in each frame."""
    noise = np.random.default_rng(seed).normal(0, 1, frame.shape)
    noise = filters.blur(noise.astype(np.float32), 1.5)
    return np.clip(frame + 0.1 * noise / noise.std(), 0, 1)


def steadied(scene, stability):
    """Frames, and what was painted of each and made of that."""
    frames = [scene.frame(i) for i in range(COUNT)]
    pictures = [strokes(frame, i) for i, frame in enumerate(frames)]
    stabilizer = Stabilizer(stability)
    made = [
        stabilizer.steady(frame, lambda picture=picture: picture)
        for frame, picture in zip(frames, pictures, strict=True)
    ]
    return frames, pictures, made


def error(scene, frames, step=1):
    return np.mean(
        [
            measures.warping_error(
                frames[i], frames[i - step], *scene.motion(i, i - step)
            )
            for i in range(step, len(frames))
        ]
    )


def test_the_motion_of_a_scene_is_exact():
    scene = moving_scenes.scene(EXAMPLES, SHAPE, noise=0)
    frames = [scene.frame(i) for i in range(0, 20, 10)]
    there, seen = scene.motion(10, 0)
    assert 0.3 < seen.mean() < 0.95
    assert measures.warping_error(frames[1], frames[0], there, seen) < 0.02
    still = np.zeros_like(there)
    assert measures.warping_error(frames[1], frames[0], still, seen) > 0.1


def test_flow_finds_the_motion(scene):
    before, frame = (flow.gray(scene.frame(i)) for i in (3, 4))
    places, seen = flow.follow(frame, before)
    there, shown = scene.motion(4, 3)
    gap = places - flow.grid(*SHAPE) - there
    far = np.sqrt(np.square(gap).sum(-1))
    assert np.median(far[shown]) < 0.3
    assert seen[shown].mean() > 0.8


@pytest.mark.parametrize("length", [480, 10_000])
@pytest.mark.parametrize("axis", [0, 1])
def test_flow_finds_the_motion_of_very_narrow_frames(length, axis):
    # 10,000x16 pixels would be 256x0 where flow is found.
    random = np.random.default_rng(0)
    scene = images.resize(random.random((4, 60), np.float32), 16, length)
    step = length // 100
    pair = scene[:, step:], scene[:, :-step]
    frame, before = (np.rint(255 * x).astype(np.uint8) for x in pair)
    if axis == 1:
        frame, before = frame.T.copy(), before.T.copy()
    there = flow.between(frame, before)
    assert there.shape == (*frame.shape, 2)
    expected = (step, 0) if axis == 0 else (0, step)
    np.testing.assert_allclose(
        np.median(there, (0, 1)), expected, atol=0.02 * step
    )


def test_flow_finds_what_is_hidden():
    scene = moving_scenes.scene(EXAMPLES, SHAPE, pan=0, noise=0)
    before, frame = (flow.gray(scene.frame(i)) for i in (3, 6))
    _, seen = flow.follow(frame, before)
    _, shown = scene.motion(6, 3)
    assert seen[~shown].mean() < 0.6 < seen[shown].mean()


def test_strokes_move_with_the_clip(scene):
    frames, pictures, made = steadied(scene, 1.0)
    source, alone = error(scene, frames), error(scene, pictures)
    assert alone > 4 * source
    assert error(scene, made) < 0.4 * alone
    assert error(scene, made, 10) < 0.85 * error(scene, pictures, 10)
    sharp = [np.mean([*map(measures.sharpness, x)]) for x in (made, pictures)]
    assert 0.8 < sharp[0] / sharp[1] < 1.2
    for one, other in zip(made, frames, strict=True):
        assert abs(float(one.mean() - other.mean())) < 0.01


def test_half_is_between(scene):
    _, pictures, half = steadied(scene, 0.5)
    _, _, all_of_it = steadied(scene, 1.0)
    values = [error(scene, x) for x in (all_of_it, half, pictures)]
    assert values == sorted(values)
    _, _, none = steadied(scene, 0.0)
    for one, other in zip(none, pictures, strict=True):
        np.testing.assert_array_equal(one, other)


def test_light_follows_the_clip():
    frame = moving_scenes.scene(EXAMPLES, SHAPE, noise=0).frame(0)
    stabilizer = Stabilizer(1.0)
    for i in range(40):
        light = frame * np.float32(1 - 0.01 * i)
        made = stabilizer.steady(light, lambda light=light: light)
    assert abs(float(made.mean() - light.mean())) < 0.04  # It lags.


def test_few_frames_of_a_calm_clip_are_painted():
    frame = moving_scenes.scene(EXAMPLES, SHAPE, noise=0).frame(0)
    painted = []

    def paint():
        painted.append(1)
        return frame

    stabilizer = Stabilizer(1.0)
    for _ in range(20):
        made = stabilizer.steady(frame, paint)
        np.testing.assert_allclose(made, frame, atol=0.02)
    assert len(painted) <= 12
    stabilizer = Stabilizer(0.9)
    painted.clear()
    for _ in range(20):
        stabilizer.steady(frame, paint)
    assert len(painted) == 20


def test_it_goes_on_from_its_state(scene):
    frames = [scene.frame(i) for i in range(COUNT)]

    def run(stabilizer, numbers):
        return [
            stabilizer.steady(frames[i], lambda i=i: strokes(frames[i], i))
            for i in numbers
        ]

    whole = run(Stabilizer(1.0), range(COUNT))
    for cut in (1, 9, 19):
        first = Stabilizer(1.0)
        run(first, range(cut))
        kept = {name: np.array(x) for name, x in first.state().items()}
        second = Stabilizer(1.0)
        second.restore(kept)
        rest = run(second, range(cut, COUNT))
        for one, other in zip(rest, whole[cut:], strict=True):
            np.testing.assert_array_equal(one, other)


def test_cuts_are_found():
    scene = moving_scenes.scene(EXAMPLES, SHAPE)
    other = moving_scenes.scene(EXAMPLES, SHAPE, front=False)
    frames = [scene.frame(i) for i in range(6)]
    for one, before in zip(frames[1:], frames, strict=False):
        assert not cuts.is_cut(one, before)
    assert cuts.is_cut(other.frame(30)[::-1, ::-1], frames[0])
    flash = np.clip(frames[0] + 0.4, 0, 1)
    assert not cuts.is_cut(flash, frames[0])


def test_detail_and_its_energy():
    flat = np.full((20, 30, 3), 0.5, np.float32)
    assert measures.sharpness(flat) < 1e-9
    checks = np.indices((20, 30)).sum(0) % 2
    board = np.repeat(checks[..., None], 3, -1).astype(np.float32)
    # A Gaussian leaves nothing of a pattern of single pixels: all is detail.
    assert measures.sharpness(board) == pytest.approx(0.25, rel=0.05)
    np.testing.assert_allclose(
        filters.detail(board)[5:-5, 5:-5], board[5:-5, 5:-5] - 0.5, atol=0.02
    )


def test_large_blurs_are_like_exact_ones():
    import scipy.ndimage

    image = moving_scenes.scene(EXAMPLES, SHAPE).frame(0)[..., 0]
    for sigma in (1.0, 8.0, 24.0):
        exact = scipy.ndimage.gaussian_filter(image, sigma, mode="mirror")
        gap = filters.blur(image, sigma) - exact
        assert np.sqrt(np.square(gap).mean()) < 0.02
