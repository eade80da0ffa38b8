"""Networks and objectives that several tests evaluate."""

import numpy as np

import helpers
import losses_cases
from tfstyle import StyleModel, features
from tfstyle.objective.terms import make_terms
from tfstyle.optimization.config import GatysConfig

IMAGE = helpers.image(34, 48)
LAYERS = ["block1_conv1", "block1_conv2", "block2_conv1"]
PHOTO, WAVE, NIGHT = (
    helpers.image(*shape, seed)
    for seed, shape in enumerate([(32, 48), (40, 30), (48, 48)])
)


def settings(**changes):
    return GatysConfig(
        **{
            "content_layers": {"block2_conv1": 1},
            "style_layers": {"block1_conv1": 1, "block1_conv2": 1},
            "content_weight": 1,
            "style_weight": 1,
            "tv_weight": 0,
            "chroma_weight": 0,
            "evenness_weight": 0,
            "layout_weight": 0,
            "style_loss": "gram",
        }
        | changes
    )


def values(network, terms, picture):
    """Weighted terms of a picture `(height, width, 3)`, by name."""
    maps = network(picture[None])
    return {
        name: term.weight * float(term.loss(picture[None], maps)[0])
        for name, term in terms.items()
    }


def maps(image, *args, **kwargs):
    """Feature maps of one image by layer name."""
    network = features.extractor(*args, **kwargs)
    found = network(image[None]).items()
    return {name: np.array(x[0], "float32") for name, x in found}


def evaluate(weights):
    """Losses, feature maps and terms, by name, on any backend."""
    found = {
        f"loss/{name}": loss(*losses_cases.UNTIED)
        for name, loss in losses_cases.LOSSES.items()
    }
    for pooling in features.POOLINGS:
        answers = maps(
            IMAGE,
            "vgg16",
            ["block1_conv1", "block2_pool"],
            pooling,
            weights,
        )
        found |= {f"{pooling}/{layer}": x for layer, x in answers.items()}
    found["thin"] = maps(IMAGE, "vgg_distilled", ["block5_conv1"])[
        "block5_conv1"
    ]
    model = StyleModel.from_preset("distilled")
    found["one pass"] = model.stylize(PHOTO, WAVE, color="luminance")
    network = features.extractor("vgg16", LAYERS, weights=weights)
    for style_loss in ("gram", "wasserstein"):
        config = settings(
            style_loss=style_loss,
            tv_weight=1,
            chroma_weight=1,
            structure_weight=1,
            evenness_weight=1,
            layout_weight=1,
            histogram_weight=1,
        )
        styles = [WAVE, NIGHT]
        photo = PHOTO
        terms = make_terms(network, photo, styles, config)
        weighted = values(network, terms, photo[::-1].copy())
        found |= {f"{style_loss}/{name}": x for name, x in weighted.items()}
    return {name: np.array(x) for name, x in found.items()}


def terms_of(network, picture, content, styles, **changes):
    """Weighted terms of a picture, by name."""
    config = settings(**changes)
    terms = make_terms(network, content, styles, config)
    return values(network, terms, picture)
