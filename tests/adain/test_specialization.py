"""Fits tiny models to one style, and to a few."""

import subprocess
import sys

import numpy as np
import pytest

import helpers
from tfstyle import images, losses
from tfstyle.adain import sources, specialization, style_fit
from tfstyle.adain.config import SpecializeConfig
from tfstyle.adain.model import StyleModel
from tfstyle.fitting import data
from tfstyle.fitting.balance import PATIENCE
from tfstyle.runtime import checkpoint

PHOTOS = [helpers.image(64, 72, seed) for seed in range(3)]
STYLE = helpers.image(48, 64, 9)


@pytest.fixture(scope="module")
def model():
    return helpers.style_model()


def config(**changes):
    return SpecializeConfig(
        **{
            "loss_features": "vgg_distilled",
            "loss_dtype": "float32",
            "precision": "float32",
            "style_size": 64,
            "thin_steps": 0,
            "steps": 6,
            "epoch": 3,
            "batch_size": 2,
            "crop": 32,
        }
        | changes
    )


def specialize(model, styles=(STYLE,), **changes):
    names = ("folder", "on_step", "on_epoch")
    options = {name: changes.pop(name) for name in names if name in changes}
    contents = changes.pop("contents", PHOTOS)
    return specialization.specialize(
        model, styles, contents, PHOTOS[:2], config(**changes), **options
    )


def make_fit(model, styles=(STYLE,), **changes):
    seen = [images.resize(style, 48, 64) for style in styles]
    copy = specialization.copy(model, seen, "float32")
    return style_fit.StyleFit(copy, seen, config(**changes))


@pytest.fixture(scope="module")
def run(model):
    """A model that was fitted, its style losses, and the weights before."""
    losses = []

    def note(progress, _):
        losses.extend([progress.losses["style"]] if progress.losses else [])

    before = {
        part: getattr(model, part).get_weights()
        for part in ("encoder", "decoder")
    }
    fitted = specialize(
        model, steps=40, epoch=10, learning_rate=3e-3, on_step=note
    )
    return fitted, losses, before


def test_the_style_comes_nearer(run):
    _, losses, _ = run
    assert losses[-1] < 0.8 * losses[0]


def test_the_decoder_is_fitted_and_the_encoder_stays(model, run):
    fitted, _, before = run
    for part, weights in before.items():
        assert all(
            map(np.array_equal, weights, getattr(model, part).get_weights())
        )
        same = map(np.array_equal, weights, getattr(fitted, part).get_weights())
        assert all(same) if part == "encoder" else not any(same)
    assert model.styles == []
    assert fitted.encoder.trainable


def test_the_style_is_inside(run, tmp_path):
    fitted, _, _ = run
    np.testing.assert_allclose(fitted.styles[0], STYLE, atol=0.1)
    picture = fitted.stylize(PHOTOS[0])
    given = fitted.stylize(PHOTOS[0], fitted.styles)
    np.testing.assert_array_equal(picture, given)
    fitted.save_whole(tmp_path / "style.keras")
    fitted.save_preset(tmp_path / "style.h5")
    for name, tolerance in (("style.keras", 0), ("style.h5", 1e-2)):
        source = sources.find(str(tmp_path / name))
        np.testing.assert_array_equal(source.styles()[0], fitted.styles[0])
        again = StyleModel.from_preset(source.name).stylize(PHOTOS[0])
        np.testing.assert_allclose(again, picture, atol=tolerance)


def test_models_of_any_style_have_none_inside(model):
    with pytest.raises(ValueError, match="`styles` must name style images"):
        model.stylize(PHOTOS[0])
    with pytest.raises(ValueError, match="'distilled' has no style inside"):
        sources.find("distilled").styles()


def test_styles_take_turns():
    crops = data.Crops(
        PHOTOS, crop=32, batch_size=3, batches=4, seed=0, first=2
    )
    batches = style_fit.Batches(crops, 2)
    numbers = [batches[i][0][1].tolist() for i in range(len(batches))]
    assert numbers == [[0, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 1]]


def test_each_example_is_compared_with_its_style(model):
    styles = [helpers.image(48, 64, 9), helpers.image(48, 64, 8)]
    fit = make_fit(model, styles)
    maps = fit.network(np.stack(styles))
    own = fit.style_distance(maps, np.array([0, 1], np.int32))
    other = fit.style_distance(maps, np.array([1, 0], np.int32))
    np.testing.assert_allclose(own, 0, atol=1e-5)
    assert float(np.min(other)) > 0.01


@pytest.mark.parametrize(
    ("network", "weights"),
    [("vgg_distilled", (1, 1, 1, 1, 1)), ("vgg16", (1, 1, 1, 1, 2))],
)
def test_layers_count_as_much_as_their_network_knows(
    model, random_vgg16, network, weights
):
    file = random_vgg16 if network == "vgg16" else None
    fit = make_fit(model, loss_features=network, loss_weights_file=file)
    maps = fit.network(PHOTOS[0][None])
    distances = []
    for name, target in fit.targets.items():
        ours = np.array(losses.gram_matrix(maps[name]))
        distance = np.square(ours - target).mean()
        distances.append(distance / np.square(target).mean())
    found = fit.style_distance(maps, np.zeros(1, np.int32))
    expected = np.average(distances, weights=weights)
    np.testing.assert_allclose(found, [expected], rtol=1e-3)


def test_each_held_out_photograph_counts_alike(model):
    fit = make_fit(model)
    each = [style_fit.HeldOut(fit, [photo])() for photo in PHOTOS]
    content, style = np.transpose(each)
    expected = np.prod(content) ** (1 / len(PHOTOS)), np.mean(style)
    together = style_fit.HeldOut(fit, PHOTOS)()
    np.testing.assert_allclose(together, expected, rtol=1e-5)


def test_the_style_may_be_among_the_held_out_photographs(model):
    fit = make_fit(model)
    content, _ = style_fit.HeldOut(fit, [images.resize(STYLE, 48, 64)])()
    assert content >= 0.1  # It would be 0.


def test_held_out_photographs_are_small_but_not_too_small():
    for shape, expected in [
        ((300, 768), (150, 384)),
        ((12, 12), (16, 16)),
        ((40, 2000), (16, 384)),
        ((40, 30), (40, 30)),
    ]:
        found = specialization.reduced(helpers.image(*shape))
        assert found.shape[:2] == expected
        np.testing.assert_array_equal(specialization.reduced(found), found)


def test_a_style_weight_of_nothing_is_nothing(model):
    assert float(make_fit(model, style_weight=0.0).style_weight) == 0.0


def test_users_call_the_method_with_a_few_styles(model):
    styles = [helpers.image(48, 64, 9), helpers.image(64, 48, 8)]
    fitted = model.specialize(styles, PHOTOS, config(steps=2))
    assert isinstance(fitted, StyleModel)
    assert [style.shape for style in fitted.styles] == [
        (48, 64, 3),
        (64, 48, 3),
    ]
    mixed = fitted.stylize(PHOTOS[0], style_mix=(1, 3))
    assert mixed.shape == PHOTOS[0].shape


def test_a_run_without_improvement_is_done(model, tmp_path):
    steps, calls = [], []
    contents, held_out = specialization.scenes(0)
    assert (len(contents), len(held_out)) == (200, 6)

    def run():
        return specialize(
            model,
            contents=contents,
            learning_rate=0.0,
            steps=20,
            epoch=1,
            folder=tmp_path,
            on_step=lambda progress, _: steps.append(progress.step),
            on_epoch=lambda _, done: calls.append(done),
        )

    run()
    assert max(steps) == 1 + PATIENCE
    ended = len(calls)
    run()
    assert max(steps) == 1 + PATIENCE
    assert calls[ended:] == [20]
    # No more scenes were made than the steps took.
    assert len(contents.made) <= 6 + 2 * max(steps)


@pytest.fixture(scope="module")
def two_parts(model, random_vgg16):
    """Progress and numbers of steps of a run by the thin network and VGG16."""
    seen, epochs = [], []
    specialize(
        model,
        loss_features="vgg16",
        loss_weights_file=random_vgg16,
        thin_steps=4,
        steps=3,
        epoch=1,
        on_step=lambda progress, _: seen.append(progress),
        on_epoch=lambda _, done: epochs.append(done),
    )
    return seen, epochs


def test_a_thin_network_compares_in_the_first_part(two_parts):
    seen, epochs = two_parts
    steps = [(each.step, each.done, each.total) for each in seen]
    total = 4 + 5 * 3  # A step of the second part takes five times as long.
    first = [(i, i, total) for i in (1, 2, 3, 4)]
    second = [(i, 4 + 5 * i, total) for i in (1, 2, 3)]
    assert [*dict.fromkeys(steps)] == first + second
    assert epochs == [4, 5, 6, 7]


def test_the_first_part_is_a_run_with_the_thin_network(model, two_parts):
    seen, _ = two_parts
    alone = []
    specialize(
        model,
        steps=4,
        epoch=4,
        on_step=lambda progress, _: alone.append(progress),
    )
    first, *second = (each.losses["loss"] for each in seen if each.losses)
    assert [first] == [each.losses["loss"] for each in alone if each.losses]
    assert len(second) == 3


def test_a_run_that_is_ended_with_the_first_part_is_over(model):
    steps = []

    def end(progress, _):
        steps.append(progress.done)
        return progress.step == 4

    specialize(model, thin_steps=4, steps=3, epoch=1, on_step=end)
    assert max(steps) == 4


@pytest.fixture(scope="module")
def done(model, tmp_path_factory):
    """Folder of a run of two steps, without a first part."""
    folder = tmp_path_factory.mktemp("done")
    specialize(model, steps=2, folder=folder)
    return folder


@pytest.mark.parametrize("changed", ["model", "styles"])
def test_a_run_of_another_model_or_style_is_refused(model, done, changed):
    other = helpers.style_model()
    weights = [1.01 * x for x in model.get_weights()]
    other.set_weights(model.get_weights() if changed == "styles" else weights)
    styles = [STYLE if changed == "model" else 1 - STYLE]
    with pytest.raises(ValueError, match=f"other {changed.rstrip('s')}s. Give"):
        specialize(other, styles, steps=2, folder=done)


@pytest.mark.parametrize("name", ["styles", "contents"])
def test_there_must_be_pictures(model, name):
    with pytest.raises(ValueError, match=f"`{name}` must name pictures"):
        specialize(model, **{name: []})


def test_all_checkpoints_are_compared_before_the_first_step(model, done):
    steps = []
    with pytest.raises(ValueError, match="'thin_steps': 0.*'thin_steps': 4"):
        specialize(
            model,
            thin_steps=4,
            steps=2,
            folder=done,
            on_step=lambda progress, _: steps.append(progress.step),
        )
    assert steps == []


CONTINUED = {"seed": 3, "thin_steps": 16, "steps": 2, "epoch": 2}


@pytest.fixture(scope="module")
def continued(model, tmp_path_factory):
    """Model and folder of a run that was ended in either part."""
    folder = tmp_path_factory.mktemp("continued")
    for step in (10, 17):  # After an epoch of eight steps, and in the last one.
        specialize(
            model,
            **CONTINUED,
            folder=folder,
            on_step=lambda progress, _, end=step: progress.done >= end,
        )
    return specialize(model, **CONTINUED, folder=folder), folder


def test_both_parts_keep_what_the_model_before_kept(model, continued):
    fitted, folder = continued
    first, second = (
        checkpoint.load(part)[0]["state/style_weight"]
        for part in (folder / specialization.THIN, folder)
    )
    before, after = (
        style_fit.HeldOut(make_fit(each), PHOTOS[:2])()[0]
        for each in (model, fitted)
    )
    # Both parts compare by the same network here.
    np.testing.assert_allclose(
        second / first, (after / before / 1.05) ** -1.5, rtol=1e-3
    )


def test_a_run_continues_in_either_part(model, continued):
    whole = specialize(model, **CONTINUED)
    for one, other in zip(
        whole.get_weights(), continued[0].get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_narrow_style_is_refused(model):
    with pytest.raises(ValueError, match="pixels"):
        specialize(model, [helpers.image(4, 300)])


def test_it_runs_without_tensorflow(tmp_path):
    small = config(thin_steps=2, steps=2, epoch=2)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys; sys.modules['tensorflow'] = None\n"
        "import helpers\n"
        "from tfstyle.adain.config import SpecializeConfig\n"
        f"config = SpecializeConfig(**{vars(small)})\n"
        "photos = [helpers.image(48, 48, seed) for seed in range(2)]\n"
        "model = helpers.style_model()\n"
        "fitted = model.specialize(helpers.image(48, 48, 9), photos, config)\n"
        "print(fitted.stylize(photos[0]).shape)\n"
    )
    process = subprocess.run(
        [sys.executable, script],
        env=helpers.environment("tests/support", **helpers.ON_JAX),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.strip() == "(48, 48, 3)"
