import numpy as np
import pytest

import helpers
from tfstyle import features
from tfstyle.pretrained import topology
from tfstyle.training import initialization

LAYERS = ["block1_conv1", "block1_conv2", "block2_conv1"]


@pytest.fixture(scope="module")
def teacher(small_vgg16):
    return features.extractor("vgg16", LAYERS, weights=small_vgg16)


@pytest.fixture(scope="module")
def samples(teacher):
    pictures = [helpers.image(40, 40, seed) for seed in range(12)]
    return initialization.sample(teacher, np.stack(pictures))


def axes(samples):
    widths = {layer: s[-1] for layer, s in topology.shapes(STUDENT).items()}
    return {
        layer: initialization.principal_axes(values, widths[layer])[0]
        for layer, values in samples.values.items()
    }


STUDENT = "vgg_distilled"


def errors(student, samples, axes):
    """Share of the coordinates' energy that the student misses, by layer."""
    found = {}
    maps = student(samples.images)
    for layer, directions in axes.items():
        target = samples.values[layer] @ directions
        gap = np.asarray(maps[layer])[samples.where[layer]] - target
        found[layer] = np.square(gap).mean() / np.square(target).mean()
    return found


def test_samples_are_the_teachers_maps(teacher, samples):
    maps = {k: np.asarray(v) for k, v in teacher(samples.images).items()}
    for layer in LAYERS:
        expected = maps[layer][samples.where[layer]]
        np.testing.assert_allclose(
            samples.values[layer], expected, rtol=1e-4, atol=1e-3
        )


def test_principal_axes_of_a_plane():
    random = np.random.default_rng(0)
    plane = np.linalg.qr(random.normal(size=(5, 2)))[0]
    values = random.normal(size=(100, 2)) * [3, 1] @ plane.T
    found, share = initialization.principal_axes(values, 2)
    assert share == pytest.approx(1)
    coordinates = values @ found
    assert np.square(coordinates).mean() == pytest.approx(1, rel=1e-5)
    # Distances between vectors are kept, but for one factor.
    before = np.linalg.norm(values[0] - values[1:], axis=1)
    after = np.linalg.norm(coordinates[0] - coordinates[1:], axis=1)
    np.testing.assert_allclose(after / before, (after / before)[0], rtol=1e-4)


def test_principal_axes_hold_the_largest_part():
    values = np.diag([3.0, 2.0, 1.0])
    found, share = initialization.principal_axes(values, 1)
    assert share == pytest.approx(9 / 14)
    np.testing.assert_allclose(np.abs(found[:, 0]), [3**0.5 / 3, 0, 0])


def test_a_student_learns_most_of_it_in_closed_form(samples):
    student = features.network(STUDENT, LAYERS)
    directions = axes(samples)
    initialization.initialize(student, samples, directions)
    assert max(errors(student, samples, directions).values()) < 0.1


def test_heads_are_fitted_to_convolutions_that_stay(samples):
    student = features.network(STUDENT, LAYERS)
    kernel = student.get_layer("block1_conv2").get_weights()[0]
    directions = axes(samples)
    before = errors(student, samples, directions)
    initialization.initialize(student, samples, directions, heads_only=True)
    after = errors(student, samples, directions)
    assert all(after[layer] < 0.7 * before[layer] for layer in LAYERS)
    np.testing.assert_array_equal(
        student.get_layer("block1_conv2").get_weights()[0], kernel
    )


def test_relu_is_fitted_where_it_is_positive():
    inputs = np.linspace(-1, 1, 101, dtype=np.float32)[:, None]
    target = np.maximum(2 * inputs - 0.5, 0)

    def error(slope, offset):
        return np.square(np.maximum(slope * inputs + offset, 0) - target).mean()

    hinge = initialization._fit_relu(inputs, target)[:, 0]
    line = np.polyfit(inputs[:, 0], target[:, 0], 1)
    assert error(*hinge) < 0.2 * error(*line)


def test_representatives_predict_the_others():
    random = np.random.default_rng(0)
    base = random.normal(size=(200, 2)) * [1, 3]
    mixed = np.concatenate([base, base @ [[1], [1]], base * 0.1], axis=1)
    chosen = initialization._representatives(mixed, 2)
    kept = mixed[:, chosen]
    solution, *_ = np.linalg.lstsq(kept, mixed, rcond=None)
    np.testing.assert_allclose(kept @ solution, mixed, atol=1e-9)
    # Channels that are never active are taken last.
    assert 5 not in initialization._representatives(
        np.insert(mixed, 5, 0, axis=1), 2
    )
