"""Medians of measures over pairs, and a table of them."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Medians = dict[str, dict[str, float]]
"""Picture -> measure -> median; `"pairs"` is the number of pairs."""


def by_size(rows: Sequence[Mapping[str, Any]]) -> dict[int, Medians]:
    """Returns the medians of the pairs of each size.

    Args:
        rows: A mapping for each pair: `"size"`, and the measures by picture.
            What is no mapping of measures is left out.
    """
    sizes = dict.fromkeys(row["size"] for row in rows)
    return {
        size: _medians([row for row in rows if row["size"] == size])
        for size in sizes
    }


def _medians(rows: Sequence[Mapping[str, Any]]) -> Medians:
    found: Medians = {}
    for name in {key: 0 for row in rows for key in row}:
        each = [row[name] for row in rows if name in row]
        measured = [values for values in each if isinstance(values, dict)]
        if measured:
            found[name] = {"pairs": len(measured)} | {
                key: round(statistics.median(m[key] for m in measured), 5)
                for key in measured[0]
            }
    return found


def table(medians: Mapping[int, Medians]) -> str:
    """Returns a table in Markdown: a row for each size and picture."""
    first, *_ = medians.values()
    keys = list(next(iter(first.values())))
    lines = [["picture", "size", *keys], ["---"] * (2 + len(keys))]
    for size, named in medians.items():
        for name, values in named.items():
            cells = (f"{values[key]:.4g}" for key in keys)
            lines.append([name, str(size), *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
