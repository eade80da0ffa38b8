"""Settings of the trainings: frozen, keyword-only, checked when made.

The flags of the programs take their defaults from here.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfstyle.pretrained import topology
from tfstyle.pretrained.topology import IMAGE, STYLE_LAYERS
from tfstyle.runtime import checks
from tfstyle.runtime.devices import PRECISIONS

STYLE_DISTANCES = ("gram", "moments", "wasserstein")
"""What a model of any style can be trained with."""
POLICIES = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
"""Of a network that is trained; see `devices.policy`."""

# What the models of each encoder are, unless it is said otherwise: thin ones
# trained as a whole; for published encoders the paper's decoder, which sees
# the shallower levels and the recoloured photograph, too.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "vgg_distilled": {
        "levels": (IMAGE, "block2_conv1", "block3_conv1", "block4_conv1"),
        "widths": (16, 32, 80, 160),
        "depths": (1, 2, 3, 3),
        "train_encoder": True,
        "modulation": 256,
    },
    "vgg19": {
        "levels": (IMAGE, "block2_conv1", "block3_conv1", "block4_conv1"),
        "widths": (64, 128, 256, 512),
        "depths": (2, 2, 4, 1),
        "train_encoder": False,
        "scale": 1 / 256,
        "modulation": 64,
    },
    # The weights beyond block3_conv3 were not at hand; the widths and depths
    # of the fourth stage are for levels=(..., "block4_conv1").
    "vgg16": {
        "levels": (IMAGE, "block2_conv1", "block3_conv3"),
        "widths": (64, 128, 256, 512),
        "depths": (2, 2, 3, 1),
        "train_encoder": False,
        "scale": 1 / 256,
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How `distillation` trains a thin network.

    Attributes:
        teacher: `"vgg16"` or `"vgg19"`.
        teacher_weights: Path of its weights; `None` for the published file.
        teacher_dtype: Of its maps: `"float32"`, `"bfloat16"`, or `"auto"`: see
            `devices.precision`.
        start: Path of a thin network's weights to go on from; `None` for a
            new one.
        steps: Of the optimiser, in all.
        epoch: Steps between checkpoints.
        batch_size: Crops in a step.
        crop: Side of the crops, in pixels.
        native: Share of the crops that are not scaled.
        noise: Largest deviation of the noise on half of the crops.
        samples: Crops that the closed forms are fitted to.
        learning_rate: Of Adam, the largest: it rises over the first steps
            and falls as a cosine.
        gram_weight: Weight of the error of Gram matrices beside that of maps.
        precision: Policy of the thin network, one of `POLICIES`.
        seed: Of the crops.
    """

    teacher: str = "vgg19"
    teacher_weights: str | None = None
    teacher_dtype: str = "auto"
    start: str | None = None
    steps: int = 8000
    epoch: int = 100
    batch_size: int = 8
    crop: int = 192
    native: float = 0.5
    noise: float = 0.1
    samples: int = 256
    learning_rate: float = 1e-3
    gram_weight: float = 0.5
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "epoch", "batch_size", "crop", "samples"):
            checks.count(name, getattr(self, name))
        checks.whole("seed", self.seed)
        checks.choice("precision", self.precision, POLICIES)
        checks.choice("teacher_dtype", self.teacher_dtype, PRECISIONS)
        for name in ("learning_rate", "gram_weight", "native", "noise"):
            checks.weight(name, getattr(self, name))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaINConfig:
    """How `tfstyle.train` trains a model of any style.

    Attributes:
        encoder: Network that the model sees with: `"vgg16"`, `"vgg19"` or
            `"vgg_distilled"`.
        encoder_weights: Path of its weights; `None` for the published file.
        levels: Its layers where styles are applied; `None` for what
            `ARCHITECTURES` has for the encoder, as for the next four.
        widths: Channels of the decoder's stages, one for each block of the
            encoder down to the deepest level.
        depths: Convolutions of the decoder's stages, as many.
        modulation: Units of the network by which styles modulate the decoder;
            0 for none.
        train_encoder: Whether the encoder is trained, too.
        start: Model to go on from, see `presets`; of the same encoder. Its
            levels, widths and depths are taken; one without modulation may
            get it.
        loss_features: Network that judges the images.
        loss_weights_file: Path of its weights; `None` for the published file.
        loss_dtype: Of its maps: `"float32"`, `"bfloat16"`, or `"auto"`: see
            `devices.precision`.
        content_layer: Where photographs are compared.
        style_layers: Where styles are compared, with equal shares.
        content_weight: Weight of the content loss.
        style_weight: Weight of the style loss.
        style_loss: `"gram"`, `"moments"` or `"wasserstein"`.
        tv_weight: Weight of the total variation loss (squared differences).
        range_weight: Weight of the squares of what is beyond [0, 1].
        steps: Of the optimiser, in all.
        epoch: Steps between checkpoints.
        batch_size: Pairs in a step.
        crop: Side of the images, in pixels.
        smallest: Share of an image's shorter side that a crop covers at
            least.
        learning_rate: Of Adam, the largest: it rises over the first steps
            and falls as a cosine.
        precision: Policy of the model, one of `POLICIES`; `"auto"` is what
            the device is quickest in, or what the checkpoint was begun in.
        seed: Of the pairs.
    """

    encoder: str = "vgg_distilled"
    encoder_weights: str | None = None
    levels: tuple[str, ...] | None = None
    widths: tuple[int, ...] | None = None
    depths: tuple[int, ...] | None = None
    modulation: int | None = None
    train_encoder: bool | None = None
    start: str | None = None
    loss_features: str = "vgg19"
    loss_weights_file: str | None = None
    loss_dtype: str = "auto"
    content_layer: str = "block4_conv2"
    style_layers: tuple[str, ...] = tuple(STYLE_LAYERS)
    content_weight: float = 1.0
    style_weight: float = 15.0
    style_loss: str = "wasserstein"
    tv_weight: float = 2.0
    range_weight: float = 10.0
    steps: int = 20000
    epoch: int = 200
    batch_size: int = 8
    crop: int = 192
    smallest: float = 0.5
    learning_rate: float = 1e-3
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        checks.choice("encoder", self.encoder, [*ARCHITECTURES])
        checks.choice("style_loss", self.style_loss, STYLE_DISTANCES)
        checks.choice("precision", self.precision, POLICIES)
        checks.choice("loss_dtype", self.loss_dtype, PRECISIONS)
        for name in ("steps", "epoch", "batch_size", "crop"):
            checks.count(name, getattr(self, name))
        if self.crop < 32:
            raise ValueError(
                f"`crop` must be 32 or more. Received: crop={self.crop}"
            )
        for name in (
            "content_weight",
            "style_weight",
            "tv_weight",
            "range_weight",
            "learning_rate",
        ):
            checks.weight(name, getattr(self, name))
        checks.whole("seed", self.seed)
        if not 0 < self.smallest <= 1:
            raise ValueError(
                "`smallest` must be above 0 and at most 1. "
                f"Received: smallest={self.smallest}"
            )
        model = self.architecture()
        for name in ("widths", "depths"):
            for value in model[name]:
                checks.count(name, value)
        if self.modulation is not None:
            checks.whole("modulation", self.modulation)
        _check_levels(self.encoder, **{k: model[k] for k in _STAGES})

    def architecture(self) -> dict[str, Any]:
        """Arguments of `adain.StyleModel`, the encoder apart."""
        return ARCHITECTURES[self.encoder] | self.changes()

    def changes(self) -> dict[str, Any]:
        """Of these arguments those that the settings say."""
        return {
            name: getattr(self, name)
            for name in (*_STAGES, "modulation", "train_encoder")
            if getattr(self, name) is not None
        }

    def check_start(self, model: Mapping[str, Any]) -> None:
        """Whether these settings go on with a model.

        Args:
            model: The settings of `start`.

        Raises:
            ValueError: They are another's.
        """
        for name, value in {"encoder": self.encoder, **self.changes()}.items():
            given = model.get(name)  # Older files lack modulation.
            added = name == "modulation" and not given
            if not added and value != type(value)(given):
                raise ValueError(
                    f"`{name}` must be {given}, that of '{self.start}'. "
                    f"Received: {name}={value}"
                )
        if model["train_encoder"] and self.encoder_weights:
            raise ValueError(
                f"The model '{self.start}' holds its encoder's weights: leave "
                "out `encoder_weights`."
            )


_STAGES = ("levels", "widths", "depths")
_DEEPEST = 4  # Positions of block 5 are larger than `decoder.MARGIN`.


def _check_levels(
    encoder: str,
    levels: tuple[str, ...],
    widths: tuple[int, ...],
    depths: tuple[int, ...],
) -> None:
    """Levels must be convolutions, each of a block that the decoder has."""
    names = [n for n in topology.layer_names(encoder) if "_conv" in n]
    for level in levels:
        checks.choice("levels", level, [IMAGE, *names])
    blocks = [topology.block(level) for level in levels if level != IMAGE]
    if not blocks or len(set(blocks)) < len(blocks):
        raise ValueError(
            "`levels` must have a layer of the encoder, and one at most of "
            f"each block. Received: levels={levels}"
        )
    stages = min(len(widths), len(depths), _DEEPEST)
    if max(blocks) > stages:
        raise ValueError(
            f"`levels` must be in the first {stages} blocks, {_DEEPEST} at "
            f"most and those of widths={widths}, depths={depths}. "
            f"Received: levels={levels}"
        )
