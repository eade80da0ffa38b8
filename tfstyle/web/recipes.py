"""Recipes: what the page asks for, checked, and the settings it stands for.

A recipe names images and models by their ids, never by paths. JSON from the
page becomes a `Recipe` by `parse`; `Recipe.config` and `Recipe.inputs` are
what the pipelines of the programs take.
"""

import dataclasses
import pathlib
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

from tfstyle.adain.config import SpecializeConfig, TransferConfig
from tfstyle.optimization.config import GatysConfig

Config = TransferConfig | GatysConfig | SpecializeConfig

CONFIGS: dict[str, type[Config]] = {
    "one_pass": TransferConfig,
    "optimize": GatysConfig,
    "specialize": SpecializeConfig,
}
"""Engine -> class of its settings."""

_CONTROLS = ("strength", "size", "color", "photorealistic")
SETTINGS = {
    "one_pass": (*_CONTROLS, "style_size"),
    "optimize": (
        *_CONTROLS,
        "steps",
        "style_weight",
        "evenness_weight",
        "seed",
        "features",
    ),
    "specialize": ("thin_steps", "steps"),
}
"""Engine -> settings that a recipe may have."""

# Bounds that the library does not need, but a page that anyone may write to.
_MOST = {
    "size": 8192,
    "style_size": 2048,
    "steps": 2000,
    "thin_steps": 5000,
    "seed": 2**31,
}
_MOST_STYLES = 8
_ID = re.compile(r"[0-9a-f]{24}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Style:
    """A style image of a recipe.

    Attributes:
        image: Id of the image.
        share: Share of the style, from 0 up.
        scale: Size at which the style is seen, relative to the usual one.
        mask: Id of the mask of its region; `None` for none.
    """

    image: str
    share: float = 1.0
    scale: float = 1.0
    mask: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a picture, or a specialized model, is made of.

    Attributes:
        engine: A key of `CONFIGS`.
        content: Id of the photograph; `None` to specialize.
        styles: Styles; those with masks come first. Empty for a specialized
            model, which has its style inside.
        keep: Id of the mask of what stays as it is, or `None`.
        model: `"distilled"`, or the id of the job that made the model.
        settings: Settings of the engine, by name.
        dpi: Pixels per inch of a picture for print, or `None`.
    """

    engine: str
    content: str | None = None
    styles: tuple[Style, ...] = ()
    keep: str | None = None
    model: str = "distilled"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dpi: int | None = None

    @property
    def masked(self) -> bool:
        """Whether the styles have regions of their own."""
        return any(style.mask for style in self.styles)

    def images(self) -> list[str]:
        """Returns the ids of all images and masks."""
        found = [self.content, self.keep]
        for style in self.styles:
            found += [style.image, style.mask]
        return [image for image in found if image is not None]

    def config(self, model: str) -> Any:
        """Returns the settings of the engine.

        Args:
            model: Name or file of the model, for `model`.

        Raises:
            ValueError: A setting is wrong, or does not fit the styles.
        """
        values = dict(self.settings)
        if self.engine == "specialize":
            return SpecializeConfig(**values)
        if self.engine == "one_pass":
            values["model"] = model
        else:  # No download, and seconds instead of minutes.
            values.setdefault("features", "vgg_distilled")
        if len(self.styles) > 1 and not self.masked:
            values["style_mix"] = tuple(style.share for style in self.styles)
        scales = tuple(style.scale for style in self.styles)
        if any(scale != 1 for scale in scales):
            values["style_scale"] = scales
        return CONFIGS[self.engine](**values)

    def inputs(self, find: Callable[[str], pathlib.Path]) -> dict[str, str]:
        """Returns role -> path of the images, as `pipelines` names roles.

        Args:
            find: Function from the id of an image to its file.
        """
        ids = {"content": self.content, "keep_mask": self.keep}
        if self.engine == "specialize":
            ids = {}
        for i, style in enumerate(self.styles, 1):
            ids |= {f"style {i}": style.image, f"content_mask {i}": style.mask}
        return {
            role: str(find(image))
            for role, image in ids.items()
            if image is not None
        }

    def to_json(self) -> dict[str, Any]:
        """Returns the recipe as `parse` takes it."""
        return dataclasses.asdict(self) | {"settings": dict(self.settings)}


def parse(value: Any) -> Recipe:
    """Checks what a page sent, and makes a recipe of it.

    Args:
        value: Decoded JSON.

    Raises:
        ValueError: Something is missing or wrong; says what, for the page.
    """
    given = _fields("A recipe", value, Recipe)
    engine = given.get("engine")
    if not isinstance(engine, str) or engine not in CONFIGS:
        raise ValueError(f"`engine` must be one of {', '.join(CONFIGS)}.")
    model = given.get("model", "distilled")
    if model != "distilled":
        _check_id("model", model)
    recipe = Recipe(
        engine=engine,
        content=_image("content", given.get("content")),
        styles=_styles(given.get("styles", [])),
        keep=_image("keep", given.get("keep")),
        model=model,
        settings=_settings(engine, given.get("settings", {})),
        dpi=_dpi(given.get("dpi")),
    )
    _check_whole(recipe)
    return recipe


def _check_whole(recipe: Recipe) -> None:
    if recipe.engine != "specialize" and recipe.content is None:
        raise ValueError("Choose a photograph.")
    special = recipe.model != "distilled"
    if special and recipe.engine != "one_pass":
        raise ValueError("A specialized model paints in one pass.")
    inside = recipe.engine == "one_pass" and special
    if not recipe.styles and not inside:
        raise ValueError("Choose a style.")
    if sum(not style.mask for style in recipe.styles) > 1 and recipe.masked:
        raise ValueError(
            "Paint a region for each style, or for all but one, which then "
            "gets the rest of the photograph."
        )
    config = recipe.config("distilled")
    if recipe.styles and recipe.engine != "specialize":
        config.check_styles(len(recipe.styles), recipe.masked)


def _styles(value: Any) -> tuple[Style, ...]:
    if not isinstance(value, list) or len(value) > _MOST_STYLES:
        raise ValueError(f"`styles` must be a list of {_MOST_STYLES} at most.")
    found = [_style(item) for item in value]
    # A style without a mask is for the rest, and the last for the programs.
    return tuple(sorted(found, key=lambda style: style.mask is None))


def _style(value: Any) -> Style:
    given = _fields("A style", value, Style)
    return Style(
        image=_check_id("image", given.get("image")),
        share=_number("share", given.get("share", 1.0), 1000),
        scale=_number("scale", given.get("scale", 1.0), 16),
        mask=_image("mask", given.get("mask")),
    )


def _fields(what: str, value: Any, kind: type) -> dict[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    if not isinstance(value, dict) or not value.keys() <= names:
        raise ValueError(f"{what} must be an object of {sorted(names)}.")
    return value


def _settings(engine: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= {*SETTINGS[engine]}:
        raise ValueError(
            f"`settings` may have {', '.join(SETTINGS[engine])} for {engine}."
        )
    hints = typing.get_type_hints(CONFIGS[engine])
    return {name: _setting(name, x, hints[name]) for name, x in value.items()}


def _setting(name: str, value: Any, kind: Any) -> Any:
    if kind is float:
        return _number(name, value, 1e6)
    if type(value) is not kind:  # A bool is an int to isinstance.
        raise ValueError(f"`{name}` must be a {kind.__name__}.")
    if kind is int and not 0 <= value <= _MOST[name]:
        raise ValueError(
            f"`{name}` must be from 0 to {_MOST[name]}. Received: {value}"
        )
    return value


def _number(name: str, value: Any, most: float) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"`{name}` must be a number.")
    if not 0 <= value <= most:
        raise ValueError(
            f"`{name}` must be from 0 to {most:g}. Received: {value!r:.80}"
        )
    return float(value)


def _dpi(value: Any) -> int | None:
    if value is not None and not (type(value) is int and 1 <= value <= 4800):
        raise ValueError("`dpi` must be a whole number from 1 to 4800.")
    return value


def _image(name: str, value: Any) -> str | None:
    return None if value is None else _check_id(name, value)


def _check_id(name: str, value: Any) -> str:
    if not is_id(value):
        raise ValueError(f"`{name}` must be an id. Received: {value!r:.80}")
    return str(value)


def is_id(value: object) -> bool:
    """Whether a value has the form of an id: 24 hexadecimal digits."""
    return isinstance(value, str) and bool(_ID.fullmatch(value))
