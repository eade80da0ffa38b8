"""Renders a report from its template and `style.css`."""

import importlib
import pathlib
from typing import Any

# Packages of the extra `report`: module -> name.
_NEEDED = {"matplotlib": "Matplotlib", "jinja2": "Jinja2"}


def check() -> None:
    """Raises `ValueError` if Matplotlib or Jinja2 is not installed."""
    missing = [name for name in _NEEDED if not _can_import(name)]
    if missing:
        raise ValueError(
            f"A report needs {' and '.join(_NEEDED[x] for x in missing)}: "
            f"pip install {' '.join(missing)}."
        )


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def render(template: str = "page.html.j2", /, **values: Any) -> str:
    """Fills a template; all text is escaped.

    Args:
        template: File name of the template in this package.
        **values: Values of the template. Those of `page.html.j2` are `title`;
            `notes`, highlighted sentences; `result`, the `Figure` of the
            picture or `None`; `inputs`, figures of the input images; and those
            of `sections.course` and `sections.about`.

    Returns:
        The page, HTML.

    Raises:
        jinja2.UndefinedError: A value is missing.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    text = environment.get_template(template).render(values)
    # Names of files need not be valid text.
    return text.encode("utf-8", "backslashreplace").decode()
