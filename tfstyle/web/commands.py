"""A recipe as the command, and as the Python code, that paints the same."""

import dataclasses
import shlex
from collections.abc import Mapping
from typing import Any

_PROGRAMS = {
    "one_pass": "transfer",
    "optimize": "optimize",
    "specialize": "specialize",
}
# Settings whose flag takes one list with commas; those of others are repeated.
_LISTS = ("style_mix",)


def shell(
    engine: str,
    config: Any,
    inputs: Mapping[str, str],
    output: str,
    **more: Any,
) -> str:
    r"""Returns the command of a recipe.

    >>> from tfstyle.adain.config import TransferConfig
    >>> inputs = {"content": "cat.jpg", "style 1": "wave.jpg"}
    >>> print(shell("one_pass", TransferConfig(size=512), inputs, "a.png"))
    python -m tfstyle.transfer \
      --content=cat.jpg \
      --style=wave.jpg \
      --output=a.png \
      --size=512

    Args:
        engine: Engine of the recipe.
        config: Its settings.
        inputs: Role -> path of its images.
        output: File to write.
        **more: Further flags; `None` leaves one out.
    """
    inside = getattr(config, "model", None)  # Its styles need no flag.
    flags = [
        (role.partition(" ")[0], path)
        for role, path in inputs.items()
        if path != inside
    ]
    flags.append(("output", output))
    flags += _flags(config)
    flags += [(k, v) for k, v in more.items() if v is not None]
    words = [shlex.quote(f"--{name}={value}") for name, value in flags]
    return " \\\n  ".join([f"python -m tfstyle.{_PROGRAMS[engine]}", *words])


def _flags(config: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in changed(config).items():
        if not isinstance(value, tuple):
            found.append((name, value))
        elif name in _LISTS:
            found.append((name, ",".join(map(str, value))))
        else:
            found += [(name, item) for item in value]
    return found


def changed(config: Any) -> dict[str, Any]:
    """Returns the settings that have not their defaults."""
    default = type(config)()
    return {
        field.name: getattr(config, field.name)
        for field in dataclasses.fields(config)
        if getattr(config, field.name) != getattr(default, field.name)
    }


def python(
    engine: str,
    config: Any,
    inputs: Mapping[str, str],
    output: str,
    dpi: int | None = None,
) -> str:
    """Returns Python code of a recipe; see `shell`."""
    makers = {
        "one_pass": _one_pass,
        "optimize": _optimize,
        "specialize": _specialize,
    }
    end = "" if dpi is None else f", dpi={dpi}"
    code = makers[engine](config, inputs)
    if engine == "specialize":
        return f"{code}\nmodel.save_whole({output!r})\n"
    return f"{code}\nimages.save({output!r}, picture{end})\n"


def _one_pass(config: Any, inputs: Mapping[str, str]) -> str:
    # As the program does; `StyleModel.stylize` rounds otherwise.
    return f"""\
from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.pipelines.engines import Task, TransferEngine

config = {_call(config)}
inputs = {_block(inputs)}
engine = TransferEngine(images.MAX_PIXELS, encoder_weights=None)
picture = engine.stylize(Task(config, inputs), on_step=lambda *_: None)"""


def _optimize(config: Any, inputs: Mapping[str, str]) -> str:
    masks = [p for role, p in inputs.items() if role.startswith("content_mask")]
    keep = inputs.get("keep_mask")
    lines = [
        "import tfstyle",
        "from tfstyle import images",
        "",
        f"content = {inputs['content']!r}",
        f"styles = {_list(_styles(inputs))}",
        f"config = {_call(config, 'tfstyle.')}",
    ]
    regions = ""
    if masks or keep:
        lines += [
            "regions = tfstyle.regions.from_masks(",
            "    content,",
            "    styles,",
            f"    content_masks={masks!r},",
            f"    keep_mask={keep!r},",
            ")",
        ]
        regions = ", regions=regions"
    lines.append(f"picture = tfstyle.stylize(content, styles, config{regions})")
    return "\n".join(lines)


def _specialize(config: Any, inputs: Mapping[str, str]) -> str:
    return f"""\
import tfstyle

config = {_call(config, "tfstyle.")}
model = tfstyle.StyleModel.from_preset("distilled")
model = model.specialize({_list(_styles(inputs))}, config=config)"""


def _styles(inputs: Mapping[str, str]) -> list[str]:
    return [path for role, path in inputs.items() if role.startswith("style ")]


def _call(config: Any, prefix: str = "") -> str:
    values = [f"{k}={v!r}" for k, v in changed(config).items()]
    return f"{prefix}{type(config).__name__}({', '.join(values)})"


def _list(items: list[str]) -> str:
    return "[\n" + "".join(f"    {item!r},\n" for item in items) + "]"


def _block(inputs: Mapping[str, str]) -> str:
    lines = [f"    {role!r}: {path!r},\n" for role, path in inputs.items()]
    return "{\n" + "".join(lines) + "}"
