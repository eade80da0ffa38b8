"""Painters of work lists: both engines, with a recipe for each kind of row.

A loader holds the settings of a run and is sent to each worker, where `load`
loads the model once. Rows with styles or settings of their own get recipes of
their own, of which the last ones used are kept.
"""

import dataclasses
import functools
import json
import pathlib
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfstyle import images
from tfstyle.adain.config import TransferConfig
from tfstyle.images import output, provenance
from tfstyle.images.folders import Item
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation, transfer_files, transfer_inputs
from tfstyle.pipelines.preparation import Prepared
from tfstyle.pretrained import weights
from tfstyle.runtime import devices
from tfstyle.worklists import storage
from tfstyle.worklists.painting import Painter, Recipe
from tfstyle.worklists.rows import Row
from tfstyle.worklists.storage import is_address

if TYPE_CHECKING:
    from tfstyle.adain.stylizers import ControlledStylizer
    from tfstyle.pipelines.transfer import Transfer

Fetch = Callable[[str], pathlib.Path]
"""Function that returns a file with the content of an address."""

_KEPT = 32  # Recipes in memory: each has its style images.


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransferLoader:
    """Loads a model of any style; see `painting.Loader`.

    Attributes:
        config: Settings of the run.
        styles: Paths or addresses of the style images of the run.
        encoder_weights: File of the encoder's weights, or `None`.
        device: Device to run on; see `devices.start`.
        max_pixels: Maximum number of pixels of an input image.
        quality: Quality of JPEG and WebP, from 1 to 100.
    """

    config: TransferConfig
    styles: tuple[str, ...]
    encoder_weights: str | None = None
    device: str = "auto"
    max_pixels: int = images.MAX_PIXELS
    quality: int = 95

    def check(self, own_styles: bool) -> None:
        """Raises the errors of `load` that the files cause, but loads nothing.

        Args:
            own_styles: Whether rows may have styles of their own.

        Raises:
            ValueError: There is no such model, a file is wrong, or no row can
                have a style.
            FileNotFoundError: A file is missing.
        """
        remote = _is_remote(self.config.model)
        if not remote:
            transfer_inputs.describe(self.config.model, self.encoder_weights)
        _check_styles(self, own_styles or remote)

    def load(self, fetch: Fetch) -> Painter:
        """See `painting.Loader`."""
        devices.start(self.device)
        from tfstyle.adain import loading

        local = dataclasses.replace(
            self,
            config=_fetched(self.config, "model", fetch),
            encoder_weights=_file(self.encoder_weights, fetch),
        )
        stylizer = loading.load_controlled(local.config, local.encoder_weights)
        return _painter(
            local, fetch, functools.partial(_transfer, local, stylizer)
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizeLoader:
    """Prepares optimization of pixels; see `painting.Loader`.

    Attributes:
        config: Settings of the run.
        styles: Paths or addresses of the style images of the run.
        device: Device to run on; see `devices.start`.
        max_pixels: Maximum number of pixels of an input image.
        quality: Quality of JPEG and WebP, from 1 to 100.
    """

    config: GatysConfig
    styles: tuple[str, ...]
    device: str = "auto"
    max_pixels: int = images.MAX_PIXELS
    quality: int = 95

    def check(self, own_styles: bool) -> None:
        """Raises the errors of `load` that the files cause, but loads nothing.

        Args:
            own_styles: Whether rows may have styles of their own.

        Raises:
            ValueError: A file is wrong, or no row can have a style.
            FileNotFoundError: A file is missing.
        """
        if not _is_remote(self.config.feature_weights or ""):
            weights.resolve(self.config.features, self.config.feature_weights)
        _check_styles(self, own_styles)

    def load(self, fetch: Fetch) -> Painter:
        """See `painting.Loader`."""
        devices.start(self.device)
        local = dataclasses.replace(
            self, config=_fetched(self.config, "feature_weights", fetch)
        )
        return _painter(local, fetch, functools.partial(_Optimize, local))


Loader = TransferLoader | OptimizeLoader
_Make = Callable[[Any, Mapping[str, str]], Recipe]


def _check_styles(loader: Loader, own_styles: bool) -> None:
    if not loader.styles and not own_styles:
        loader.config.check_styles(len(_inside(loader.config)))
    for path in loader.styles:
        if not is_address(path):
            images.read(path, loader.max_pixels)


def _inside(config: Any) -> tuple[str, ...]:
    """Styles inside the model; raises `ValueError` if it has none."""
    if not isinstance(config, TransferConfig):
        return ()
    return tuple(transfer_inputs.inside(config.model))


def _painter(loader: Loader, fetch: Fetch, make: _Make) -> Painter:
    """Function that returns the recipe of a row, and keeps the last ones."""

    @functools.lru_cache(_KEPT)
    def recipe(styles: tuple[str, ...], settings: str) -> Recipe:
        config = _changed(loader.config, json.loads(settings))
        styles = styles or _inside(config)
        config.check_styles(len(styles))
        files = [fetch(path) for path in styles]
        roles = {f"style {i}": str(path) for i, path in enumerate(files, 1)}
        made = make(config, roles)
        for file in files:  # Copies go when the recipe is not kept any more.
            weakref.finalize(made, storage.discard, file)
        return made

    def painter(row: Row) -> Recipe:
        settings = json.dumps(row.settings, sort_keys=True)
        with lock:  # Rows are read in several threads.
            return recipe(row.styles or loader.styles, settings)

    lock = threading.Lock()
    if loader.styles:
        painter(Row("", ""))  # Says now what is wrong.
    return painter


def _changed(config: Any, settings: Mapping[str, Any]) -> Any:
    """Settings of a row; lists become tuples, as the settings have them."""
    fixed = {"model", "precision", "tile", "feature_weights"} & {*settings}
    unknown = {*settings} - {f.name for f in dataclasses.fields(config)}
    if wrong := sorted(fixed | unknown):
        raise ValueError(f"`{wrong[0]}` is no setting of a single row.")
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
    }
    try:
        return dataclasses.replace(config, **values)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"The settings {settings} are wrong.") from error


def _fetched(config: Any, name: str, fetch: Fetch) -> Any:
    """Settings with a file in place of an address."""
    return dataclasses.replace(
        config, **{name: _file(getattr(config, name), fetch)}
    )


def _file(path: str | None, fetch: Fetch) -> str | None:
    """A local file; handles of TensorFlow Hub stay as they are."""
    return str(fetch(path)) if path and _is_remote(path) else path


def _is_remote(path: str) -> bool:
    return is_address(path) and not path.startswith("http")


def _transfer(
    loader: TransferLoader,
    stylizer: "ControlledStylizer",
    config: TransferConfig,
    inputs: Mapping[str, str],
) -> "Transfer":
    from tfstyle.pipelines.transfer import Transfer

    files = transfer_files.open_files(
        config,
        inputs,
        max_pixels=loader.max_pixels,
        quality=loader.quality,
        rescue=False,
    )
    return Transfer(files, stylizer, files.describe(loader.encoder_weights))


class _Optimize:
    """Optimizes pixels; a `painting.Recipe`.

    Styles are read anew with each photograph: that takes nothing beside the
    optimization.
    """

    def __init__(
        self,
        loader: OptimizeLoader,
        config: GatysConfig,
        inputs: Mapping[str, str],
    ) -> None:
        from tfstyle.optimization import run

        self._loader, self._inputs = loader, dict(inputs)
        self._config, found = run.resolve(config)
        if config.feature_weights:
            self._inputs["feature_weights"] = config.feature_weights
        notes = {
            "weights": found.digest,
            "published": found.published,
            "device": devices.kind(),
        }
        named = dataclasses.replace(self._config, feature_weights=None)
        settings = {**vars(named), "quality": loader.quality}
        self._record = provenance.describe(settings, inputs, notes)

    @property
    def digest(self) -> str:
        return provenance.recipe(self._record)

    def record(self, content: pathlib.Path) -> Mapping[str, Any]:
        return provenance.with_input(self._record, "content", content)

    def read(self, item: Item) -> Prepared:
        inputs = {"content": str(item.content), **self._inputs}
        images.check_format(item.output, longest=self._config.size)
        return preparation.prepare(
            self._config, inputs, self._loader.max_pixels
        )

    def paint(self, given: Prepared) -> np.ndarray:
        from tfstyle.optimization import gatys

        return gatys.stylize(
            given.content.pixels,
            given.styles,
            self._config,
            weights_file=given.weights_file,
        )

    def write(
        self,
        item: Item,
        given: Prepared,
        pixels: np.ndarray,
        record: Mapping[str, Any],
    ) -> None:
        target = output.Output(
            path=str(item.output),
            record=record,
            alpha=given.content.alpha,
            quality=self._loader.quality,
        )
        target.save(pixels, rescue=False)
