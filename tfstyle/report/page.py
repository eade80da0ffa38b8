"""What the page about a run says, from what `report` kept of it."""

import dataclasses
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfstyle.images import provenance
from tfstyle.report import charts, html_page
from tfstyle.runtime.progress import Progress

Losses = Mapping[str, float]


@dataclasses.dataclass
class Size:
    """What happened at one size, from its first to its last call.

    Times are without what the report itself took.

    Attributes:
        first: Of the first call.
        last: Of the last call.
        offset: Steps of the run before those of this size.
        setup: Seconds from the end of the size before to the first call.
        began: Seconds of the run at the first call.
        ended: Seconds of the run at the last call.
        values: Steps of the run, and losses then.
        pictures: Small, of some steps.
        gradients: Norm by term, at the end.
        memory: Bytes held at most so far.
    """

    first: Progress
    last: Progress
    offset: int
    setup: float
    began: float
    ended: float
    values: list[tuple[int, Losses]] = dataclasses.field(default_factory=list)
    pictures: list[html_page.Image] = dataclasses.field(default_factory=list)
    gradients: Losses = dataclasses.field(default_factory=dict)
    memory: int = 0

    @property
    def name(self) -> str:
        """Width and height."""
        return f"{self.last.width}×{self.last.height}"


def course(sizes: Sequence[Size], own: float) -> Iterator[str]:
    """What happened, section by section.

    Args:
        sizes: From the first to the last, one at least.
        own: Seconds that the report took.
    """
    yield html_page.section("Through the sizes", *_pictures(sizes))
    seen = [size for size in sizes if size.values]
    if seen:
        names = _parts(seen[0].values[0][1])
        colours = charts.colours(names)
        yield html_page.section("Loss", *_losses(seen, colours))
        measured = [size for size in seen if size.gradients]
        if measured:
            yield html_page.section(
                "Who pulls how much", *_gradients(measured, colours)
            )
    yield html_page.section("Time and memory", *_costs(sizes, own))


def about(
    config: Any, record: Mapping[str, Any], command: Sequence[str]
) -> Iterator[str]:
    """What the run was made from, section by section; see `report.Report`."""
    yield html_page.section("Settings", *_settings(config, record))
    yield html_page.section("Made from", *_sources(record))
    yield html_page.section("Run it again", *_again(config, command))


def _pictures(sizes: Sequence[Size]) -> Iterator[str]:
    for size in sizes:
        if size.pictures:
            yield html_page.heading(size.name)
            yield html_page.thumbnails(size.pictures)


def _parts(losses: Losses) -> list[str]:
    """Names of the losses but for sums of others that are there."""
    sums = {name.split("/")[0] for name in losses if "/" in name}
    return [name for name in losses if name not in sums]


def _losses(sizes: Sequence[Size], colours: Mapping[str, str]) -> Iterator[str]:
    values = [pair for size in sizes for pair in size.values]
    lines = {
        name: [(step, losses[name]) for step, losses in values]
        for name in colours
    }
    marks = [(size.offset + size.first.step, size.name) for size in sizes]
    alt = f"Terms of the loss over {values[-1][0]} steps"
    yield html_page.paragraph(
        "Each term times its weight, at the steps at which it was looked at; "
        "less than a thousandth of the largest is not shown."
    )
    yield html_page.chart(charts.curves(lines, colours, marks, alt), colours)
    yield _numbers(sizes, list(colours), lambda size: size.values[-1][1])


def _gradients(
    sizes: Sequence[Size], colours: Mapping[str, str]
) -> Iterator[str]:
    terms = {name: colours[name] for name in colours if name != "total"}
    rows = [
        (size.name, {name: size.gradients[name] for name in terms})
        for size in sizes
    ]
    svg = charts.shares(rows, terms, "Share of each term in the gradient")
    yield html_page.paragraph(
        "The norm of the gradient of each term by the picture, at the end of "
        "each size. What pulls in opposite directions cancels out: the "
        "shares tell who pulls, not who wins."
    )
    yield html_page.chart(svg, terms)
    yield _numbers(sizes, list(terms), lambda size: size.gradients)


def _numbers(
    sizes: Sequence[Size],
    names: Sequence[str],
    values: Callable[[Size], Losses],
) -> str:
    """The ends of the sizes as a table."""
    rows = [
        [name, *(f"{values(size)[name]:.3g}" for size in sizes)]
        for name in names
    ]
    header = ["At the end of", *(size.name for size in sizes)]
    table = html_page.table(header, rows, "numbers")
    return html_page.details("As numbers", table)


def _costs(sizes: Sequence[Size], own: float) -> Iterator[str]:
    header = ["Size", "Steps", "Set-up, s", "Steps, s", "ms a step", "MB"]
    yield html_page.table(header, [*map(_cost, sizes)], "numbers")
    yield html_page.paragraph(
        "Set-up is all until the end of the first step: weights, targets, "
        "compiling. MB is what was held at most until then. The report itself "
        f"took {own:.1f} s more."
    )


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


def _settings(config: Any, record: Mapping[str, Any]) -> Iterator[str]:
    values = _plain(record["config"])
    defaults = _plain(provenance.describe(type(config)(), {})["config"])
    changed = [name for name in values if values[name] != defaults[name]]
    rows = [
        [name, _text(values[name]), _text(defaults[name])]
        for name in sorted(values, key=lambda name: name not in changed)
    ]
    yield html_page.table(["Setting", "Value", "Default"], rows, "", changed)


def _sources(record: Mapping[str, Any]) -> Iterator[str]:
    inputs = [
        [role, entry["name"], entry["sha256"]]
        for role, entry in record["inputs"].items()
    ]
    if inputs:
        header = ["Input", "File", "SHA-256"]
        yield html_page.table(header, inputs, "digests")
    made = {"tfstyle": record["tfstyle"], **record["versions"]}
    made |= record["notes"]
    rows = [[name, _text(value)] for name, value in made.items()]
    yield html_page.table(["With", "Which"], rows)


def _again(config: Any, command: Sequence[str]) -> Iterator[str]:
    if command:
        yield html_page.paragraph("In the folder of the files:")
        yield html_page.code(shlex.join(command))
    default = type(config)()
    pairs = [
        (field.name, getattr(config, field.name), getattr(default, field.name))
        for field in dataclasses.fields(config)
    ]
    changed = [f"{name}={x!r}" for name, x, usual in pairs if x != usual]
    yield html_page.paragraph("The settings, in Python:")
    kind = type(config).__name__
    yield html_page.code(f"tfstyle.{kind}({', '.join(changed)})")


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As a record has them that was read from a file: lists, not tuples."""
    return json.loads(json.dumps(values))


def _text(value: Any) -> str:
    """A setting as its flag has it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}:{x:g}" for name, x in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "–"}[value]
    return str(value)
