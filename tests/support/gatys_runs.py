"""Images, settings and checks of the tests of `gatys.stylize`."""

import numpy as np
import pytest

import helpers
from tfstyle import features, images
from tfstyle.objective.terms import make_terms

PHOTO = helpers.image(32, 40)
PHOTO_64 = images.resize(PHOTO, 51, 64)
WAVE = helpers.image(40, 30, seed=1)
NIGHT = helpers.image(24, 24, seed=2)
# Small, so that two sizes are quick.
LARGE = helpers.image(48, 68, seed=3)
TWO_SIZES = [(34, 48), (48, 68)]
TWO = {"size": 68, "start_size": 48}
ADAM_AND_LBFGS = pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])


class Watch:
    """An `on_step` that remembers steps, and ends the run at one of them."""

    def __init__(self, end=None, look=lambda picture: None):
        self.end, self.look = end, look
        self.seen, self.looks = [], []

    def __call__(self, progress, picture):
        if self.seen and progress.done == self.seen[-1].done:
            return False  # Asked again, before a size begins.
        self.seen.append(progress)
        self.looks.append(self.look(picture))
        return len(self.seen) == self.end

    @property
    def totals(self):
        return [p.losses["total"] for p in self.seen if p.losses]


def check(picture, shape):
    assert picture.shape == (*shape, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1


def total(picture, content, styles, config):
    """The loss of a picture, without the code that minimises it."""
    network = features.extractor(
        "vgg16",
        [*config.content_layers, *config.style_layers],
        weights=config.feature_weights,
        border="mirror",
    )
    photo = images.resize(content, *picture.shape[:2])
    terms = make_terms(network, photo, styles, config)
    maps = network(picture[None])
    return sum(
        term.weight * float(term.loss(picture[None], maps)[0])
        for term in terms.values()
    )
