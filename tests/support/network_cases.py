"""Networks and objectives that several tests evaluate."""

import numpy as np

import helpers
from tfstyle import StyleModel, features
from tfstyle.objective.terms import make_terms
from tfstyle.optimization.config import GatysConfig
from tfstyle.training.config import AdaINConfig
from tfstyle.training.perceptual import PerceptualLoss

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


def as_it_is(call):
    return call


def values(network, terms, picture, compiled=as_it_is):
    """Weighted terms of a picture `(height, width, 3)`, by name."""

    def found(batch):
        maps = network(batch)
        return {n: term.loss(batch, maps)[0] for n, term in terms.items()}

    each = compiled(found)(picture[None])
    return {name: terms[name].weight * float(x) for name, x in each.items()}


def maps(image, *args, compiled=as_it_is, **kwargs):
    """Feature maps of one image by layer name."""
    network = features.extractor(*args, **kwargs)
    found = compiled(network)(image[None]).items()
    return {name: np.array(x[0], "float32") for name, x in found}


def evaluate(weights, compiled=as_it_is):
    """Feature maps and terms, by name, on any backend.

    Networks and terms are called as `compiled` makes them: JAX compiles each
    operation alone otherwise, which takes far longer.
    """
    found = {}
    for pooling in features.POOLINGS:
        answers = maps(
            IMAGE,
            "vgg16",
            ["block1_conv1", "block2_pool"],
            pooling,
            weights,
            compiled=compiled,
        )
        found |= {f"{pooling}/{layer}": x for layer, x in answers.items()}
    thin = "vgg_distilled", ["block5_conv1"]
    (found["thin"],) = maps(IMAGE, *thin, compiled=compiled).values()
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
        weighted = values(network, terms, photo[::-1].copy(), compiled)
        found |= {f"{style_loss}/{name}": x for name, x in weighted.items()}
    found["moments/training"] = trained_by("moments", network, compiled)
    return {name: np.array(x) for name, x in found.items()}


def trained_by(style_loss, network, compiled):
    """The style's term of a training, for a batch of one."""
    config = AdaINConfig(
        style_loss=style_loss,
        content_layer="block2_conv1",
        style_layers=("block1_conv1", "block2_conv1"),
    )
    loss = PerceptualLoss(network, config)
    batches = [x[None].copy() for x in (PHOTO[::-1], PHOTO, WAVE)]
    return compiled(loss)(*batches)["style"]


def terms_of(network, picture, content, styles, **changes):
    """Weighted terms of a picture, by name."""
    config = settings(**changes)
    terms = make_terms(network, content, styles, config)
    return values(network, terms, picture)
