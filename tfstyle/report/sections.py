"""Text, tables and charts of a report's sections.

`page.html.j2` arranges them and has the text around them.
"""

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfstyle.images import provenance
from tfstyle.report import charts
from tfstyle.report.figures import Figure
from tfstyle.runtime.progress import Progress

Losses = Mapping[str, float]


@dataclasses.dataclass
class Size:
    """Steps of a run at one size, from the first to the last call.

    Times exclude the time that the report itself took.

    Attributes:
        first: Progress at the first call.
        last: Progress at the last call.
        offset: Steps of the run before this size.
        setup: Seconds from the end of the previous size to the first call.
        began: Seconds of the run at the first call.
        ended: Seconds of the run at the last call.
        values: Steps of the run, each with its losses.
        figures: Small copies of the picture at some steps.
        gradients: Term of the loss -> norm of its gradient at the end; empty
            if it was not measured.
        memory: Peak memory so far, in bytes.
    """

    first: Progress
    last: Progress
    offset: int
    setup: float
    began: float
    ended: float
    values: list[tuple[int, Losses]] = dataclasses.field(default_factory=list)
    figures: list[Figure] = dataclasses.field(default_factory=list)
    gradients: Losses = dataclasses.field(default_factory=dict)
    memory: int = 0

    @property
    def name(self) -> str:
        """Width and height."""
        return f"{self.last.width}×{self.last.height}"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
        header: Titles of the columns.
        rows: Cells of each row; the first one is its name.
        changed: Names of the rows to highlight.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    changed: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Chart:
    """A chart, its legend and its numbers.

    Attributes:
        svg: The `<svg>` element, see `charts`.
        colors: Name -> CSS color.
        numbers: The values that are drawn, at the end of each size.
    """

    svg: str
    colors: Mapping[str, str]
    numbers: Table


def course(sizes: Sequence[Size], spent: float) -> dict[str, Any]:
    """Returns the values of the sections about the course of the run.

    Args:
        sizes: Sizes of the run, in order; empty if no step was done.
        spent: Seconds that the report itself took.
    """
    seen = [size for size in sizes if size.values]
    names = _parts(seen[0].values[0][1]) if seen else []
    colors = charts.colors(names)
    measured = [size for size in seen if size.gradients]
    return {
        "sizes": sizes,
        "losses": _losses(seen, colors) if seen else None,
        "gradients": _gradients(measured, colors) if measured else None,
        "costs": Table(
            ["Size", "Steps", "Set-up, s", "Steps, s", "ms a step", "MB"],
            [*map(_cost, sizes)],
        ),
        "spent": spent,
    }


def about(
    config: Any, record: Mapping[str, Any], command: Sequence[str]
) -> dict[str, Any]:
    """Returns the values of the sections about settings and inputs.

    Args:
        config: Settings of the run.
        record: Record of the run, see `provenance.describe`.
        command: Words of the command that repeats the run.
    """
    files = [
        [role, entry["name"], entry["sha256"]]
        for role, entry in record["inputs"].items()
    ]
    versions = {"tfstyle": record["tfstyle"], **record["versions"]}
    versions |= record["notes"]
    rows = [[name, _text(value)] for name, value in versions.items()]
    return {
        "settings": _settings(config, record),
        "files": Table(["Input", "File", "SHA-256"], files),
        "versions": Table(["With", "Which"], rows),
        "command": shlex.join(command),
        "call": _call(config),
    }


def _parts(losses: Losses) -> list[str]:
    """Names of the losses, without sums whose parts are present."""
    sums = {name.split("/")[0] for name in losses if "/" in name}
    return [name for name in losses if name not in sums]


def _losses(sizes: Sequence[Size], colors: Mapping[str, str]) -> Chart:
    values = [pair for size in sizes for pair in size.values]
    lines = {
        name: [(step, losses[name]) for step, losses in values]
        for name in colors
    }
    marks = [(size.offset + size.first.step, size.name) for size in sizes]
    alt = f"Terms of the loss over {values[-1][0]} steps"
    svg = charts.curves(lines, colors, marks, alt)
    numbers = _numbers(sizes, list(colors), lambda size: size.values[-1][1])
    return Chart(svg, colors, numbers)


def _gradients(sizes: Sequence[Size], colors: Mapping[str, str]) -> Chart:
    terms = {name: colors[name] for name in colors if name != "total"}
    rows = [
        (size.name, {name: size.gradients[name] for name in terms})
        for size in sizes
    ]
    svg = charts.bars(rows, terms, "Share of each term in the gradient")
    numbers = _numbers(sizes, list(terms), lambda size: size.gradients)
    return Chart(svg, terms, numbers)


def _numbers(
    sizes: Sequence[Size],
    names: Sequence[str],
    values: Callable[[Size], Losses],
) -> Table:
    """Table of final values: a row for each name, a column for each size."""
    rows = [
        [name, *(f"{values(size)[name]:.3g}" for size in sizes)]
        for name in names
    ]
    return Table(["At the end of", *(size.name for size in sizes)], rows)


def _cost(size: Size) -> list[str]:
    steps = size.last.step - size.first.step
    seconds = size.ended - size.began
    return [
        size.name,
        f"{size.last.step}",
        f"{size.setup:.1f}",
        f"{seconds:.1f}",
        f"{1000 * seconds / steps:.0f}" if steps else "–",
        f"{size.memory / 1e6:.0f}",
    ]


def _settings(config: Any, record: Mapping[str, Any]) -> Table:
    """Table of settings and defaults; settings that differ come first."""
    values = _plain(record["config"])
    defaults = _plain(provenance.describe(type(config)(), {})["config"])
    changed = [name for name in values if values[name] != defaults[name]]
    rows = [
        [name, _text(values[name]), _text(defaults[name])]
        for name in sorted(values, key=lambda name: name not in changed)
    ]
    return Table(["Setting", "Value", "Default"], rows, changed)


def _call(config: Any) -> str:
    """Python expression that makes a config."""
    default = type(config)()
    pairs = [
        (field.name, getattr(config, field.name), getattr(default, field.name))
        for field in dataclasses.fields(config)
    ]
    changed = [f"{name}={_bare(x)!r}" for name, x, usual in pairs if x != usual]
    return f"tfstyle.{type(config).__name__}({', '.join(changed)})"


def _bare(value: Any) -> Any:
    """A setting as in records, but for tuples, which are no lists here."""
    if isinstance(value, tuple):
        return tuple(map(provenance.portable, value))
    return provenance.portable(value)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts values as JSON does, which has lists but no tuples."""
    return json.loads(json.dumps(values))


def _text(value: Any) -> str:
    """Formats the value of a setting for a table."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}:{x:g}" for name, x in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "–"}[value]
    return str(value)
