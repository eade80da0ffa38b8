import errno
import itertools
import os
import pathlib

import keras
import numpy as np
import pytest
from keras import ops

import helpers
from tfstyle import images, losses
from tfstyle.adain import decoder, embeddings
from tfstyle.adain.model import StyleModel
from tfstyle.adain.regional import AdaIN
from tfstyle.features import grain, memory
from tfstyle.pretrained import presets, topology

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
PHOTO = helpers.image(20, 20)


@pytest.fixture(scope="module")
def model():
    return helpers.style_model()


def batch(count, height, width, seed=0):
    return np.stack(
        [helpers.image(height, width, seed + i) for i in range(count)]
    )


def moments(maps):
    return [np.asarray(m) for m in losses.channel_moments(maps, 0.0)]


def test_adain_gives_the_moments_of_the_style():
    random = np.random.default_rng(0)
    content = random.normal(2, 3, (2, 6, 5, 4)).astype(np.float32)
    style = random.normal(-1, 0.5, (2, 9, 7, 4)).astype(np.float32)
    result = AdaIN(epsilon=0.0)(content, moments(style))
    for ours, theirs in zip(moments(result), moments(style), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    # Nothing else changes: each channel is moved and scaled.
    for i in range(4):
        pixels = np.asarray(result)[0, ..., i].ravel()
        found = np.corrcoef(content[0, ..., i].ravel(), pixels)
        np.testing.assert_allclose(found, 1, atol=1e-5)


def test_adain_by_hand():
    content = np.array([1.0, 3.0], np.float32).reshape(1, 1, 2, 1)
    target = [np.full((1, 1, 1, 1), v, np.float32) for v in (10, 5)]
    result = AdaIN(epsilon=0.0)(content, target)
    np.testing.assert_allclose(np.ravel(result), [5, 15], rtol=1e-6)
    given = [np.full((1, 1, 1, 1), v, np.float32) for v in (0, 1)]
    result = AdaIN()(content, target, given)
    np.testing.assert_allclose(np.ravel(result), [15, 25], rtol=1e-6)


def test_adain_keeps_maps_without_variance_finite():
    flat = np.ones((1, 4, 4, 2), np.float32)
    style = moments(np.random.default_rng(0).random((1, 4, 4, 2)))
    result = np.asarray(AdaIN()(flat, style))
    expected = np.broadcast_to(style[0], flat.shape)
    np.testing.assert_allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (33, 47), (40, 17), (97, 30)])
def test_results_have_the_size_of_the_content(model, shape):
    content = batch(2, *shape)
    result = model((content, batch(2, 25, 31, seed=5)))
    assert result.shape == content.shape
    assert np.isfinite(result).all()


def test_embedding_and_application_are_the_call(model):
    contents, styles = batch(2, 33, 40), batch(2, 25, 31, seed=5)
    whole = ops.clip(model((contents, styles)), 0, 1)
    embedding = model.embed_style(styles)
    assert embedding.shape == (2, 2 * sum(model.channels.values()))
    applied = model.apply_style(contents, embedding)
    np.testing.assert_allclose(applied, whole, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "received"),
    [
        (PHOTO, r"`images\[None\]` of one.* of shape \(20, 20, 3\)$"),
        ("wave.jpg", "Received: str"),
    ],
)
def test_embedding_and_application_say_what_images_they_take(
    wrong, received, model
):
    with pytest.raises(ValueError, match=received):
        model.embed_style(wrong)
    embedding = model.embed_style(PHOTO[None])
    with pytest.raises(ValueError, match=received):
        model.apply_style(wrong, embedding)


def test_embeddings_are_means_and_deviations(model):
    styles = batch(1, 24, 24)
    maps = model.encode(styles)
    embedding = np.asarray(model.embed_style(styles))[0]
    expected = [
        np.ravel(part)
        for level in model.channels
        for part in losses.channel_moments(maps[level])
    ]
    np.testing.assert_allclose(embedding, np.concatenate(expected), rtol=1e-6)


def test_a_batch_is_its_examples(model):
    contents, styles = batch(3, 24, 20), batch(3, 30, 22, seed=7)
    alphas = np.array([0.0, 0.4, 1.0], np.float32)
    embedding = model.embed_style(styles)
    together = model.apply_style(contents, embedding, alphas)
    for i, alpha in enumerate(alphas):
        alone = model.apply_style(
            contents[i : i + 1], embedding[i : i + 1], alpha
        )
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5)


def test_without_strength_and_for_twins_maps_stay(model):
    contents, styles = batch(1, 32, 40), batch(1, 24, 24, seed=3)
    plain = model.apply_style(contents, model.embed_style(contents))
    weak = model.apply_style(contents, model.embed_style(styles), 0.0)
    np.testing.assert_allclose(weak, plain, atol=1e-5)
    np.testing.assert_allclose(weak, contents, atol=1e-5)


def test_without_pixels_as_a_level_the_decoder_is_all():
    model = helpers.style_model(levels=("block2_conv1", "block3_conv1"))
    contents = batch(1, 32, 40)
    maps = model.encode(contents)
    own = model.embed_style(contents)
    decoded = model.decoder([*(maps[level] for level in model.channels), own])
    weak = model.apply_style(contents, model.embed_style(contents), 0.0)
    expected = ops.clip(decoded, 0, 1)[:, 8:40, 8:48]
    np.testing.assert_allclose(weak, expected, atol=1e-5)


def test_several_photographs_are_painted_each_by_itself(model):
    photos = np.stack([helpers.image(24, 32, i) for i in range(2)])
    style = helpers.image(20, 20, 5)
    found = model.stylize(contents=photos, styles=style, alpha=0.7)
    expected = [model.stylize(photo, style, 0.7) for photo in photos]
    np.testing.assert_array_equal(found, expected)


def test_styles_are_blended_by_their_shares(model):
    content = helpers.image(24, 30)
    styles = [helpers.image(20 + i, 26, 4 + i) for i in range(2)]
    first, second = (model.embed_style(style[None]) for style in styles)
    expected = model.apply_style(content[None], 0.75 * first + 0.25 * second)
    result = model.stylize(content, styles, style_mix=[3, 1])
    np.testing.assert_allclose(result, expected[0], atol=1e-5)
    alone = model.stylize(content, styles[0])
    mixed = model.stylize(content, styles, style_mix=[1, 0])
    np.testing.assert_allclose(mixed, alone, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contents": helpers.image(8, 40)}, "16 pixels or more.*40x8"),
        ({"styles": [helpers.image(40, 8)]}, "16 pixels or more.*8x40"),
        ({"contents": PHOTO[..., :2]}, r"shape \(height, width\)"),
        ({"contents": np.int32(255 * PHOTO)}, "uint8.*Received: int32"),
        ({"styles": [255 * PHOTO]}, r"in \[0, 1\], .*Received: values from"),
        ({"styles": [np.nan * PHOTO]}, r"in \[0, 1\], .*Received: values from"),
        ({"contents": [PHOTO, PHOTO]}, "one photograph.*a list of 2"),
        ({"contents": []}, "one photograph.*a list of 0"),
        ({"contents": PHOTO[None][:0]}, "one or more.*a ndarray of 0"),
        ({"styles": PHOTO[None][:0]}, "At least one style"),
        ({"alpha": np.nan}, "`alpha` must be from 0 to 1. .*nan"),
        ({"alpha": 1.5}, "`alpha` must be from 0 to 1. .*1.5"),
        ({"style_mix": [1, 2]}, "for each of the 1 style images"),
        ({"style_mix": [0]}, "must have a value above 0"),
        ({"style_mix": [-1]}, "from 0 up"),
        ({"style_detail": "rough"}, "all, coarse, fine.*style_detail='rough'"),
    ],
)
def test_refuses(model, changes, message):
    arguments = {"contents": PHOTO, "styles": [1 - PHOTO]}
    with pytest.raises(ValueError, match=message):
        model.stylize(**(arguments | changes))


def test_a_model_is_stored_by_keras(model, tmp_path):
    model.save(tmp_path / "model.keras")
    content, style = helpers.image(20, 24), helpers.image(30, 20, 1)
    painted = model.stylize(content, style)
    for load in (keras.saving.load_model, StyleModel.from_preset):
        loaded = load(tmp_path / "model.keras")
        assert loaded.settings == model.settings
        np.testing.assert_array_equal(loaded.stylize(content, style), painted)


def test_a_preset_holds_what_was_trained_as_float16(model, tmp_path):
    path = tmp_path / "model.h5"
    model.save_preset(path)
    loaded = StyleModel.from_preset(path)
    for ours, theirs in zip(
        loaded.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs.astype(np.float16))


def test_a_preset_takes_a_published_encoder_from_its_file(
    small_vgg16, tmp_path
):
    made = StyleModel(
        "vgg16", ["block2_conv1"], [4, 8], [1, 2], train_encoder=False
    )
    assert not made.encoder.trainable_variables
    made.save_preset(tmp_path / "model.h5")
    _, arrays = presets.load(tmp_path / "model.h5")
    assert set(arrays) == {"stage2_conv1", "stage2_out", "stage1_out"}
    loaded = StyleModel.from_preset(tmp_path / "model.h5", small_vgg16)
    image = loaded.stylize(helpers.image(20, 20), helpers.image(20, 20, 1))
    assert image.shape == (20, 20, 3)
    kernel = loaded.encoder.get_layer("block1_conv1").get_weights()[0]
    assert not np.array_equal(
        kernel, made.encoder.get_layer("block1_conv1").get_weights()[0]
    )


def test_a_preset_that_does_not_fit_itself_is_refused(model, tmp_path):
    settings, arrays = model.settings, {}
    presets.save(tmp_path / "bad.h5", settings, arrays)
    with pytest.raises(ValueError, match="does not fit its own settings"):
        StyleModel.from_preset(tmp_path / "bad.h5")
    for name, value in (("levels", ["pool"]), ("widths", None), ("more", 1)):
        presets.save(tmp_path / "odd.h5", settings | {name: value}, arrays)
        with pytest.raises(ValueError, match="odd.h5' .* no model: .* copy.$"):
            StyleModel.from_preset(tmp_path / "odd.h5")


def test_bfloat16_paints_alike(model):
    small = StyleModel(**model.settings, dtype="bfloat16")
    small.set_weights(model.get_weights())
    content, style = helpers.image(40, 40), helpers.image(32, 32, 3)
    one, other = (m.stylize(content, style) for m in (model, small))
    assert other.dtype == np.float32
    assert np.abs(one - other).mean() < 0.02


@pytest.fixture(scope="module", params=sorted(presets.FILES))
def preset(request):
    """A model of this package, with the encoder's published weights."""
    settings, _ = presets.load(request.param)
    path = None
    if not settings["train_encoder"]:
        path = request.getfixturevalue(f"real_{settings['encoder']}")
    return StyleModel.from_preset(request.param, path)


def test_the_models_of_this_package(preset):
    content, style = helpers.image(64, 80), helpers.image(64, 64, 9)
    whole = preset.stylize(content, style)
    # Towards the style's mean colour; without strength the photograph.
    before, after = (
        np.abs(image.mean((0, 1)) - style.mean((0, 1))).sum()
        for image in (content, whole)
    )
    assert after < 0.5 * before
    same = preset.stylize(content, style, 0.0)
    np.testing.assert_allclose(same, content, atol=1e-5)


def test_edges_are_not_seen(preset):
    """Pictures had lines along theirs when 8 pixels were mirrored."""
    content, style = (
        images.load(EXAMPLES / name, size)[None]
        for name, size in (("cat.jpg", 160), ("stained_glass.jpg", 128))
    )
    target = preset.embed_style(style)
    own = embeddings.join(preset.moments(preset.encode(content)))
    size = content.shape[1:3]

    def painted(more):
        sides = ((0, 0), (more, more), (more, more), (0, 0))
        image = np.pad(content, sides, mode="symmetric")
        rows, columns = (
            np.pad(np.arange(n), more, mode="symmetric") for n in size
        )
        maps = preset.encoder(image + grain.noise(rows, columns))
        maps[topology.IMAGE] = preset.padding(image)
        picture = np.clip(preset.restyle(maps, own, target), 0, 1)[0]
        first = decoder.MARGIN + more
        return picture[first : first + size[0], first : first + size[1]]

    difference = np.abs(painted(0) - painted(32))
    assert difference.mean() < 0.02


def test_what_is_flat_at_an_edge_stays_flat_without_grain(preset):
    """A white ground had a frame of 20 pixels, where deep maps saw the edge."""
    content, style = (
        images.load(EXAMPLES / name, size)
        for name, size in (("cat.jpg", 240), ("stained_glass.jpg", 160))
    )
    content[:, 80:] = 1.0
    inside = slice(content.shape[0] // 2 - 20, content.shape[0] // 2 + 20)
    picture = helpers.without_grain(preset, content, style)
    columns = picture[inside, -40:].mean(0)
    # It was 1.8 levels and 1.5 (vgg19); of vgg16, which sees less, 0.13.
    shallow = "block4_conv1" not in preset.channels
    least = (0.05 if shallow else 0.5) / 255
    assert np.abs(columns - columns[:5].mean(0)).max() < least


def test_what_is_flat_gets_strokes(preset):
    style = images.load(EXAMPLES / "stained_glass.jpg", 160)
    content = np.full((96, 120, 3), 0.5, np.float32)
    content[:, 80:] = (0.8, 0.3, 0.2)
    picture = preset.stylize(content, style)
    for part in (picture[:, 10:70], picture[:, 90:110]):
        assert (part.std((0, 1)) > 5 / 255).all()


def test_strength_is_smooth(preset):
    content, style = helpers.image(64, 80), helpers.image(64, 64, 9)
    images = [preset.stylize(content, style, a / 8) for a in range(9)]
    moves = [np.abs(b - a).mean() for a, b in itertools.pairwise(images)]
    whole = np.abs(images[-1] - images[0]).mean()
    assert max(moves) < 0.35 * whole
    distances = [np.abs(image - content).mean() for image in images]
    assert distances == sorted(distances)


def test_images_that_are_too_large_for_a_pass_are_refused(model, monkeypatch):
    monkeypatch.setattr(memory, "left", lambda *limit: 458 * 20**2)
    assert model.stylize(PHOTO, PHOTO).shape == PHOTO.shape
    larger = helpers.image(21, 20)
    for images_given in ((larger, PHOTO), (PHOTO, larger)):
        with pytest.raises(MemoryError, match="model that sees 20x21 pixels"):
            model.stylize(*images_given)


def test_a_full_disk_of_temporary_files_is_named(model, tmp_path, monkeypatch):
    def save(self, path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # As h5py does.

    monkeypatch.setattr(StyleModel, "save", save)
    with pytest.raises(OSError, match="No space left on device: .*model.keras"):
        model.save_whole(tmp_path / "whole.keras")
    assert not [*tmp_path.iterdir()]
