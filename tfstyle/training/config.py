"""Settings of the trainings: frozen, keyword-only, checked on creation.

The flags of the programs are made from their fields.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfstyle.fitting import fields
from tfstyle.pretrained import topology
from tfstyle.pretrained.topology import IMAGE, STYLE_LAYERS
from tfstyle.runtime import checks, settings
from tfstyle.runtime.devices import PRECISIONS
from tfstyle.runtime.settings import setting

STYLE_DISTANCES = ("gram", "moments", "wasserstein")
"""Style losses that a model of any style can be trained with."""
# Default architectures by encoder. Thin models are trained as a whole; models
# with published encoders have the paper's decoder, which also sees the
# shallower levels and the recolored photograph.
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
    # Weights beyond block3_conv3 were not available; the widths and depths of
    # the fourth stage serve levels=(..., "block4_conv1").
    "vgg16": {
        "levels": (IMAGE, "block2_conv1", "block3_conv3"),
        "widths": (64, 128, 256, 512),
        "depths": (2, 2, 3, 1),
        "train_encoder": False,
        "scale": 1 / 256,
    },
}


_TEACHERS = ("vgg16", "vgg19")


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Settings of `tfstyle.distill`, which trains a thin feature network.

    `help(DistillConfig)` describes each field.
    """

    teacher: str = setting(
        "vgg19", "Network to learn from: vgg16 or vgg19.", choices=_TEACHERS
    )
    teacher_weights: str | None = setting(
        None,
        f"File of the teacher's weights (.h5); {fields.PUBLISHED}",
    )
    teacher_dtype: str = setting(
        "auto", f"Precision of the teacher's {fields.DTYPE}", choices=PRECISIONS
    )
    start: str | None = setting(
        None,
        "File of a thin network's weights to start from; if not given, a new "
        "network.",
    )
    steps: int = setting(8000, fields.STEPS, check=checks.count)
    epoch: int = setting(100, fields.EPOCH, check=checks.count)
    batch_size: int = setting(8, "Crops in each step.", check=checks.count)
    crop: int = setting(
        192,
        "Side of the crops, in pixels; 32 or more.",
        check=fields.check_crop,
    )
    native: float = setting(
        0.5, "Fraction of the crops that are not scaled.", check=checks.weight
    )
    noise: float = setting(
        0.1,
        "Largest standard deviation of the noise added to half of the crops, "
        "whose values are in [0, 1].",
        check=checks.weight,
    )
    samples: int = setting(
        256,
        "Crops to which the initial weights are fitted in closed form.",
        check=checks.count,
    )
    learning_rate: float = setting(
        1e-3, fields.LEARNING_RATE, check=checks.weight
    )
    gram_weight: float = setting(
        0.5,
        "Weight of the error of Gram matrices relative to that of feature "
        "maps.",
        check=checks.weight,
    )
    precision: str = setting(
        "float32", fields.PRECISION, choices=fields.POLICIES
    )
    seed: int = setting(0, "Seed of the random crops.", check=checks.whole)

    def __post_init__(self) -> None:
        settings.check(self)


@settings.documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaINConfig:
    """Settings of `tfstyle.train`, which trains a model of any style.

    Where `levels`, `widths`, `depths`, `modulation` or `train_encoder` are
    `None`, the encoder's entry in `ARCHITECTURES` is used.

    `help(AdaINConfig)` describes each field.
    """

    encoder: str = setting(
        "vgg_distilled",
        "Encoder of the model: vgg_distilled (thin, inside the package), vgg16 "
        "or vgg19.",
        choices=tuple(ARCHITECTURES),
    )
    encoder_weights: str | None = setting(
        None, f"File of the encoder's weights (.h5); {fields.PUBLISHED}"
    )
    levels: tuple[str, ...] | None = setting(
        None,
        "Layers of the encoder where styles are applied, at most one of each "
        "block, and image for the pixels; if not given, those chosen for the "
        "encoder.",
    )
    widths: tuple[int, ...] | None = setting(
        None,
        "Channels of the decoder's stages, one for each block of the encoder "
        "down to the deepest level.",
    )
    depths: tuple[int, ...] | None = setting(
        None, "Convolutions of the decoder's stages, one number for each."
    )
    modulation: int | None = setting(
        None,
        "Units of the network by which styles modulate the decoder, 0 for "
        "none; if not given, the number chosen for the encoder.",
        check=checks.whole,
    )
    train_encoder: bool | None = setting(
        None,
        "Trains the encoder, too. If not given, only vgg_distilled is trained.",
        check=checks.truth,
    )
    start: str | None = setting(
        None,
        "Model of any style to start from: a name or a .h5 file, with the same "
        "encoder. Its levels, widths and depths are kept; modulation may be "
        "added.",
    )
    loss_features: str = setting(
        "vgg19",
        "Network whose feature maps the losses compare: vgg16, vgg19 or "
        "vgg_distilled.",
        choices=topology.VGG,
    )
    loss_weights_file: str | None = setting(
        None, f"File of the loss network's weights (.h5); {fields.PUBLISHED}"
    )
    loss_dtype: str = setting(
        "auto",
        f"Precision of the loss network's {fields.DTYPE}",
        choices=PRECISIONS,
    )
    content_layer: str = setting(
        "block4_conv2",
        "Layer of the loss network where photographs are compared.",
    )
    style_layers: tuple[str, ...] = setting(
        STYLE_LAYERS,
        "Layers of the loss network where styles are compared, with equal "
        "weights.",
    )
    content_weight: float = setting(
        1.0,
        "Weight of the content loss; higher keeps more of the photographs.",
        check=checks.weight,
    )
    style_weight: float = setting(
        15.0,
        "Weight of the style loss; higher takes more from the styles.",
        check=checks.weight,
    )
    style_loss: str = setting(
        "wasserstein",
        "What the style loss compares: gram for Gram matrices, moments for "
        "means and deviations, wasserstein for means and covariances.",
        choices=STYLE_DISTANCES,
    )
    tv_weight: float = setting(
        2.0,
        "Weight of the total-variation term (squared differences of "
        "neighboring pixels); higher is smoother.",
        check=checks.weight,
    )
    range_weight: float = setting(
        10.0,
        "Weight of the squared excess of pixels beyond [0, 1].",
        check=checks.weight,
    )
    steps: int = setting(20000, fields.STEPS, check=checks.count)
    epoch: int = setting(200, fields.EPOCH, check=checks.count)
    batch_size: int = setting(
        8,
        "Pairs of a photograph and a style in each step.",
        check=checks.count,
    )
    crop: int = setting(
        192,
        "Side of the crops, in pixels; 32 or more.",
        check=fields.check_crop,
    )
    smallest: float = setting(
        0.5,
        "Least fraction of an image's shorter side that a crop covers, above 0 "
        "and at most 1.",
        check=fields.check_smallest,
    )
    learning_rate: float = setting(
        1e-3, fields.LEARNING_RATE, check=checks.weight
    )
    precision: str = setting("auto", fields.PRECISION, choices=fields.POLICIES)
    seed: int = setting(
        0, "Seed of the random crops and pairs.", check=checks.whole
    )

    def __post_init__(self) -> None:
        settings.check(self)
        model = self.architecture()
        for name in ("widths", "depths"):
            for value in model[name]:
                checks.count(name, value)
        _check_levels(self.encoder, **{k: model[k] for k in _STAGES})

    def architecture(self) -> dict[str, Any]:
        """Returns the arguments of `StyleModel`, except the encoder."""
        return ARCHITECTURES[self.encoder] | self.changes()

    def changes(self) -> dict[str, Any]:
        """Returns those arguments that the settings give explicitly."""
        return {
            name: getattr(self, name)
            for name in (*_STAGES, "modulation", "train_encoder")
            if getattr(self, name) is not None
        }

    def check_start(self, model: Mapping[str, Any]) -> None:
        """Checks that training can continue from the model `start`.

        Args:
            model: Settings of that model.

        Raises:
            ValueError: These settings describe another model, or those of
                the model are damaged, or it was specialized to styles.
        """
        if missing := [name for name in _STAGES if name not in model]:
            raise ValueError(
                f"The settings in '{self.start}' make no model: they lack "
                f"{', '.join(missing)}. Take an undamaged copy."
            )
        if model.get("styles"):  # Older files lack it.
            raise ValueError(
                f"The model '{self.start}' was specialized, and paints the "
                "styles inside it. Start from a model of any style, such as "
                "distilled."
            )
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
_DEEPEST = 4  # Block of the deepest level: positions of block 5 exceed MARGIN.


def _check_levels(
    encoder: str,
    levels: tuple[str, ...],
    widths: tuple[int, ...],
    depths: tuple[int, ...],
) -> None:
    """Checks that levels are convolutions, each of a block of the decoder."""
    names = [n for n in topology.layer_names(encoder) if "_conv" in n]
    for level in levels:
        checks.choice("levels", level, [IMAGE, *names])
    blocks = [topology.block(level) for level in levels if level != IMAGE]
    if not blocks or len(set(blocks)) < len(blocks):
        raise ValueError(
            "`levels` must name a layer of the encoder, at most one of each "
            f"block. Received: levels={levels}"
        )
    stages = min(len(widths), len(depths), _DEEPEST)
    if max(blocks) > stages:
        raise ValueError(
            f"`levels` must be in the first {stages} blocks, at most "
            f"{_DEEPEST} and as many as widths={widths}, depths={depths}. "
            f"Received: levels={levels}"
        )
