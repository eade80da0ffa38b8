import itertools

import numpy as np
import pytest

import helpers
from tfstyle.judging import measures, reference

PHOTO, STYLE = helpers.image(32, 40), helpers.image(36, 32, seed=1)


@pytest.fixture(scope="module")
def network():
    return reference.make_network("vgg_distilled")


@pytest.fixture(scope="module")
def baseline(network):
    return reference.Reference(network)


def target_of(network, photo):
    return measures.Judge(network, photo, STYLE).target


def losses(network, photo, pictures):
    """What the reference minimizes, of each picture."""
    judge = measures.Judge(network, photo, STYLE)
    found = map(judge.measure, pictures)
    return [5 * each["style"] + each["content"] for each in found]


def test_it_goes_from_the_photograph_towards_both(network, baseline):
    target = target_of(network, PHOTO)
    pictures = list(baseline.optimize(PHOTO, target, 6))
    assert len(pictures) == 6
    # The first step of Adam: by its rate, up or down.
    moved = np.abs(pictures[0] - PHOTO)
    assert moved.max() == pytest.approx(0.02, abs=1e-4)
    found = losses(network, PHOTO, [PHOTO, *pictures])
    for before, after in itertools.pairwise(found):
        assert after < before
    for picture in pictures:
        assert picture.min() >= 0 and picture.max() <= 1


def test_graphs_do_not_grow_in_number_with_the_sizes(network, baseline):
    counts = []
    for shape in [(28, 40), (40, 28), (32, 32), (30, 44)]:
        photo = helpers.image(*shape)
        target = target_of(network, photo)
        (picture,) = baseline.optimize(photo, target, 1)
        before, after = losses(network, photo, [photo, picture])
        assert after < before
        counts.append(baseline._step.experimental_get_tracing_count())
    # By then it knows that both sides differ.
    assert counts[-1] == counts[1]


def test_no_steps_are_no_pictures(network, baseline):
    target = target_of(network, PHOTO)
    assert not list(baseline.optimize(PHOTO, target, 0))
