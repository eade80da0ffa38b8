import itertools

import numpy as np
import pytest

import helpers
from tfstyle import losses
from tfstyle.judging import reference

PHOTO, STYLE = helpers.image(32, 40), helpers.image(36, 32, seed=1)


@pytest.fixture(scope="module")
def judge():
    return reference.Reference(reference.make_network("vgg_distilled"))


def loss(distances):
    return 5 * distances.style + distances.content


def test_distances_are_relative(judge):
    network = reference.make_network("vgg_distilled")
    maps, photo, style = (
        {name: np.asarray(x) for name, x in network(image[None]).items()}
        for image in (PHOTO[::-1].copy(), PHOTO, STYLE)
    )
    content = [x["block4_conv2"] for x in (maps, photo)]
    grams = [
        [np.asarray(losses.gram_matrix(x[f"block{i}_conv1"])) for x in pair]
        for pair in [(maps, style)]
        for i in range(1, 6)
    ]

    def gap(ours, theirs):
        return np.square(ours - theirs).mean() / np.square(theirs).mean()

    found = judge.distances(PHOTO[::-1].copy(), judge.target(PHOTO, STYLE))
    assert found.content == pytest.approx(gap(*content), rel=1e-4)
    expected = np.mean([gap(*pair) for pair in grams])
    assert found.style == pytest.approx(expected, rel=1e-4)


def test_a_picture_is_next_to_nothing_away_from_itself(judge):
    found = judge.distances(PHOTO, judge.target(PHOTO, PHOTO))
    assert found.content == 0
    assert found.style == pytest.approx(0, abs=1e-6)


def test_it_goes_from_the_photograph_towards_both(judge):
    target = judge.target(PHOTO, STYLE)
    pictures = list(judge.optimize(PHOTO, target, 6))
    assert len(pictures) == 6
    # The first step of Adam: by its rate, up or down.
    moved = np.abs(pictures[0] - PHOTO)
    assert moved.max() == pytest.approx(0.02, abs=1e-4)
    found = [judge.distances(x, target) for x in (PHOTO, *pictures)]
    for before, after in itertools.pairwise(map(loss, found)):
        assert after < before
    for picture in pictures:
        assert picture.min() >= 0 and picture.max() <= 1


def test_graphs_do_not_grow_in_number_with_the_sizes(judge):
    counts = []
    for shape in [(24, 40), (40, 24), (28, 28), (30, 44)]:
        photo = helpers.image(*shape)
        target = judge.target(photo, STYLE)
        (picture,) = judge.optimize(photo, target, 1)
        before = loss(judge.distances(photo, target))
        assert loss(judge.distances(picture, target)) < before
        counts.append(judge._step.experimental_get_tracing_count())
    # By then it knows that both sides differ.
    assert counts[-1] == counts[1]


def test_no_steps_are_no_pictures(judge):
    assert not list(judge.optimize(PHOTO, judge.target(PHOTO, STYLE), 0))
