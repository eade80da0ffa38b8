"""Paints jobs with the functions of the library that the programs call.

Runs in the worker's thread; TensorFlow is loaded by `Painter.warm_up`.
"""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfstyle import images
from tfstyle.adain.config import SpecializeConfig, TransferConfig
from tfstyle.images import output
from tfstyle.images.folders import Item
from tfstyle.optimization.config import GatysConfig
from tfstyle.pipelines import preparation, transfer_inputs
from tfstyle.pipelines.transfer import Transfer
from tfstyle.pipelines.transfer_files import Files
from tfstyle.pretrained import cache, weights
from tfstyle.runtime import checkpoint, devices
from tfstyle.web import frames
from tfstyle.web.jobs import Job, Jobs
from tfstyle.web.live import Live
from tfstyle.web.recipes import Recipe
from tfstyle.web.uploads import Uploads

if TYPE_CHECKING:
    from tfstyle.adain.model import StyleModel
    from tfstyle.adain.stylizers import ControlledStylizer

_READ, _LOADED = 4, 3  # Decoded images and models that are kept in memory.
_THUMBNAIL = 480  # Longer side of the pictures of the history, in pixels.
_FIRST = 128  # Longer side of the picture that warms the model up.


def networks() -> list[str]:
    """Returns the networks that can optimize here without a download."""
    names = ("vgg_distilled", "vgg16", "vgg19")
    return [name for name in names if cache.find(weights.FILES[name])]


class Painter:
    """Paints jobs; keeps decoded images and loaded models.

    Args:
        uploads: The images.
        jobs: The jobs.
    """

    def __init__(self, uploads: Uploads, jobs: Jobs) -> None:
        self._uploads, self._jobs = uploads, jobs
        self._read = functools.lru_cache(_READ)(images.read)
        self._stylizer = functools.lru_cache(_LOADED)(_load)

    def warm_up(self) -> str:
        """Loads TensorFlow and the model of this package, and paints once.

        Returns:
            The device, for the page.
        """
        devices.start()
        photo = np.zeros((_FIRST, _FIRST, 3), np.float32)
        photo[::2] = 1
        stylizer = self._stylizer(TransferConfig())
        style = stylizer.embed([photo])
        stylizer.stylize(photo, style)
        return f"{devices.kind()}, {devices.precision()}"

    def paint(self, job: Job, live: Live) -> None:
        """Paints a job, and writes its files.

        Args:
            job: The job; its size is set.
            live: Callback that reports it and may end it.

        Raises:
            Exception: Whatever the library raises; see `stylize`.
        """
        engines = {
            "one_pass": self._one_pass,
            "optimize": self._optimize,
            "specialize": self._specialize,
        }
        engines[job.recipe.engine](job, live)

    def model(self, recipe: Recipe) -> str:
        """Returns the name or the file of a recipe's model."""
        if recipe.model == "distilled":
            return recipe.model
        return os.fspath(self._jobs.model(recipe.model))

    def config(self, recipe: Recipe) -> Any:
        """Returns the settings of a recipe, as they are used here."""
        config = recipe.config(self.model(recipe))
        if recipe.engine == "specialize" and "vgg19" not in networks():
            return dataclasses.replace(config, loss_features="vgg_distilled")
        return config

    def inputs(self, recipe: Recipe) -> dict[str, str]:
        """Returns role -> path of a recipe's images, as for the programs."""
        found = recipe.inputs(self._uploads.path)
        if recipe.engine == "one_pass" and not recipe.styles:
            inside = transfer_inputs.inside(self.model(recipe))
            found |= {f"style {i}": path for i, path in enumerate(inside, 1)}
        return found

    def _one_pass(self, job: Job, live: Live) -> None:
        config: TransferConfig = self.config(job.recipe)
        inputs = self.inputs(job.recipe)
        content = pathlib.Path(inputs.pop("content"))
        paths = preparation.styles(inputs)
        files = Files(
            config=config,
            inputs=inputs,
            styles=transfer_inputs.styles(paths, config, self._read),
            read=self._read,
            quality=95,
            rescue=False,
            dpi=job.recipe.dpi,
        )
        photograph = files.photograph(Item(content, self._jobs.picture(job)))
        record = files.describe(None)
        transfer = Transfer(files, self._stylizer(config.of_model()), record)
        pixels = transfer.one(photograph)
        self._finish(job, images.Picture(pixels, photograph.image.alpha))

    def _optimize(self, job: Job, live: Live) -> None:
        from tfstyle.optimization import gatys, run

        config: GatysConfig = self.config(job.recipe)
        prepared = preparation.prepare(config, self.inputs(job.recipe))
        settings = run.on_device(prepared.config)
        target = output.Output(
            path=os.fspath(self._jobs.picture(job)),
            record=prepared.record(settings, devices.kind()),
            alpha=prepared.content.alpha,
            dpi=job.recipe.dpi,
        )
        live.alpha = prepared.content.alpha
        folder = os.fspath(self._jobs.checkpoint(job))
        try:
            pixels = gatys.stylize(
                prepared.content.pixels,
                prepared.styles,
                settings,
                live,
                regions=prepared.regions,
                checkpoint_dir=folder,
                weights_file=prepared.weights_file,
            )
        except (checkpoint.DivergedError, checkpoint.UnsavedError) as error:
            target.save(error.picture, complete=False, rescue=False)
            self._finish(job, images.Picture(error.picture, target.alpha))
            raise
        target.save(pixels, complete=not live.stopped, rescue=False)
        self._finish(job, images.Picture(pixels, target.alpha))

    def _specialize(self, job: Job, live: Live) -> None:
        from tfstyle.adain import specialization
        from tfstyle.adain.model import StyleModel

        config: SpecializeConfig = self.config(job.recipe)
        model = StyleModel.from_preset(self.model(job.recipe))
        styles = self._styles(job.recipe)
        shown = self._shown(job.recipe, styles)
        fitted = specialization.specialize(
            model,
            styles,
            *specialization.scenes(config.seed),
            config,
            folder=self._jobs.checkpoint(job),
            on_step=live,
            on_epoch=lambda made, _: live.show(_painted(made, shown)),
        )
        fitted.save_whole(self._jobs.model(job.id))
        pixels = _painted(fitted, shown)
        images.save(self._jobs.picture(job), pixels)
        self._stylizer.cache_clear()  # One may be of the model before.
        self._finish(job, images.Picture(pixels))

    def _styles(self, recipe: Recipe) -> Sequence[np.ndarray]:
        return [
            self._read(self._uploads.path(style.image)).pixels
            for style in recipe.styles
        ]

    def _shown(
        self, recipe: Recipe, styles: Sequence[np.ndarray]
    ) -> np.ndarray:
        """Photograph that shows what the model learns; else the style."""
        photo = styles[0]
        if recipe.content is not None:
            photo = self._read(self._uploads.path(recipe.content)).pixels
        height, width = photo.shape[:2]
        return images.resize(photo, *images.fit(height, width, _THUMBNAIL))

    def _finish(self, job: Job, picture: images.Picture) -> None:
        """Notes the size of a picture, and writes its thumbnail."""
        job.height, job.width = picture.pixels.shape[:2]
        alpha = picture.alpha
        if alpha is not None:
            alpha = images.resize(alpha, job.height, job.width)
        shown = images.Picture(picture.pixels, alpha)
        self._jobs.frame(job).write_bytes(frames.jpeg(shown, _THUMBNAIL))


def _painted(model: "StyleModel", photo: np.ndarray) -> np.ndarray:
    return model.plain().stylize(photo)


def _load(config: TransferConfig) -> "ControlledStylizer":
    from tfstyle.adain import loading

    return loading.load_controlled(config)
