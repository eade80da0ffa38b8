"""What the page can ask for: images, jobs, pictures, commands, events."""

import asyncio
import json
import pathlib
import urllib.parse
from typing import Any

from aiohttp import web

from tfstyle.runtime import files
from tfstyle.web import commands, painting, recipes, uploads
from tfstyle.web.events import Events
from tfstyle.web.jobs import Job, Jobs
from tfstyle.web.uploads import Uploads
from tfstyle.web.work import Worker

_MOST_JSON = 2**16  # Bytes of a recipe or a desk.


class Api:
    """Handlers of the requests of the page.

    Args:
        root: Folder of the studio.
        images: The images.
        jobs: The jobs.
        worker: The queue.
        events: What open pages are told.
    """

    def __init__(
        self,
        root: pathlib.Path,
        images: Uploads,
        jobs: Jobs,
        worker: Worker,
        events: Events,
    ) -> None:
        self._desk = root / "desk.json"
        self._images, self._jobs = images, jobs
        self._worker, self._events = worker, events

    def routes(self) -> list[web.RouteDef]:
        """Returns all routes."""
        job = "/api/jobs/{job}"
        return [
            web.get("/api/events", self.stream),
            web.post("/api/desk", self.set_desk),
            web.post("/api/images", self.add_image),
            web.get("/api/images/{image}/view", self.view),
            web.get("/api/images/{image}/file", self.file),
            web.post("/api/jobs", self.add_job),
            web.post(f"{job}/{{verb:stop|resume|keep}}", self.change),
            web.delete(job, self.remove),
            web.get(f"{job}/picture", self.picture),
            web.get(f"{job}/model", self.model),
            web.get(f"{job}/frame", self.frame),
            web.get(f"{job}/command", self.command),
        ]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Sends everything there is, and then what changes."""
        state = {
            "images": [vars(image) for image in self._images.every()],
            "jobs": [job.to_json() for job in self._jobs.every()],
            "networks": painting.networks(),
            "desk": self._read_desk(),
            **self._worker.state(),
        }
        return await self._events.stream(request, state)

    async def set_desk(self, request: web.Request) -> web.Response:
        """Keeps what the page has chosen, for a reload."""
        desk = await _json(request)
        if not isinstance(desk, dict):
            raise ValueError("A desk must be an object.")
        with files.atomic(self._desk, "w") as file:
            json.dump(desk, file, allow_nan=False)  # Browsers read none.
        return web.json_response({})

    def _read_desk(self) -> Any:
        try:
            return json.loads(self._desk.read_text())
        except (OSError, ValueError):  # New, or damaged: begin again.
            return {}

    async def add_image(self, request: web.Request) -> web.Response:
        """Takes an image file."""
        data = await _body(request, uploads.MOST_BYTES)
        name = request.query.get("name", "image")
        image = await asyncio.to_thread(self._images.add, data, name)
        self._events.publish("image", image.id, vars(image))
        return web.json_response(vars(image))

    async def view(self, request: web.Request) -> web.StreamResponse:
        """Sends an image at a size to look at."""
        path = self._images.view(request.match_info["image"])
        return _lasting(web.FileResponse(path))

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Sends the file of an image."""
        path = self._images.path(request.match_info["image"])
        return _lasting(web.FileResponse(path))

    async def add_job(self, request: web.Request) -> web.Response:
        """Queues a recipe; `kept` says whether it stays in the history."""
        value = await _json(request)
        if not isinstance(value, dict) or value.keys() != {"recipe", "kept"}:
            raise ValueError("A job must have `recipe` and `kept`.")
        recipe = recipes.parse(value["recipe"])
        self._check(recipe)
        job = self._worker.submit(recipe, value["kept"] is True)
        return web.json_response(job.to_json())

    async def change(self, request: web.Request) -> web.Response:
        """Stops, resumes or keeps a job."""
        verbs = {
            "stop": self._worker.stop,
            "resume": self._worker.resume,
            "keep": self._worker.keep,
        }
        job, verb = self._job(request), request.match_info["verb"]
        if verb == "resume":
            self._check(job.recipe)
        verbs[verb](job)
        return web.json_response({})

    async def remove(self, request: web.Request) -> web.Response:
        """Removes a job and its picture."""
        self._worker.remove(self._job(request))
        return web.json_response({})

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """Sends the picture of a job; `download` gives it a name."""
        job = self._job(request)
        path = self._jobs.picture(job)
        return _sent(path, request, f"{self._name(job)}.png")

    async def model(self, request: web.Request) -> web.StreamResponse:
        """Sends the model that a job made."""
        job = self._job(request)
        path = self._jobs.model(job.id)
        return _sent(path, request, f"{self._name(job)}.keras")

    async def frame(self, request: web.Request) -> web.Response:
        """Sends the newest small picture of a job."""
        data = self._worker.frame(self._job(request))
        if not data:
            raise KeyError("frame")
        return web.Response(body=data, content_type="image/jpeg")

    async def command(self, request: web.Request) -> web.Response:
        """Sends a job's recipe as a command and as Python code."""
        recipe = self._job(request).recipe
        self._check(recipe)
        special = recipe.engine == "specialize"
        given = (
            recipe.engine,
            self._worker.painter.config(recipe),
            self._worker.painter.inputs(recipe),
            "painted.keras" if special else "painted.png",
        )
        # `tfstyle.transfer` has no flag for it.
        flag = recipe.dpi if recipe.engine == "optimize" else None
        return web.json_response(
            {
                "shell": commands.shell(*given, dpi=flag),
                "python": commands.python(*given, dpi=recipe.dpi),
            }
        )

    def _check(self, recipe: recipes.Recipe) -> None:
        """Raises an error if an image or the model is not there any more."""
        for id in recipe.images():
            self._images.get(id)
        models = {job.id for job in self._jobs.every()} | {"distilled"}
        if recipe.model not in models:
            raise ValueError(
                "The model of this picture was removed. Choose another."
            )

    def _job(self, request: web.Request) -> Job:
        return self._jobs.get(request.match_info["job"])

    def _name(self, job: Job) -> str:
        """Name of a file to download, of the names of its images."""
        recipe = job.recipe
        ids = [recipe.content, *(style.image for style in recipe.styles[:1])]
        names = [
            self._images.get(id).name for id in ids if id and id in self._images
        ]
        stems = [pathlib.PurePath(name).stem for name in names]
        return "_".join(stems) or "painting"


class _TooLargeError(ValueError):
    """A body has more bytes than it may."""


@web.middleware
async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Turns errors of the library into answers in plain words."""
    try:
        return await handler(request)
    except KeyError:
        return _error(404, "This is not there any more.")
    except MemoryError as error:
        return _error(413, f"Memory ran out: {error}")
    except _TooLargeError as error:
        return _error(413, str(error))
    except ValueError as error:
        return _error(400, str(error))
    except OSError as error:
        return _error(507, f"The disk refuses: {error.strerror or error}")


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


async def _body(request: web.Request, most: int) -> bytes:
    """Reads a body of bounded size; refuses a larger one before it is read."""
    # Not `content_type`, which has a default: nothing is no type.
    kind = request.headers.get("Content-Type", "").partition(";")[0]
    if kind not in ("application/octet-stream", "application/json"):
        raise web.HTTPUnsupportedMediaType(text=f"Wrong type: {kind}")
    if (request.content_length or 0) > most:
        raise _too_large(most)
    found = bytearray()
    async for part in request.content.iter_any():
        found += part
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


def _too_large(most: int) -> _TooLargeError:
    size = f"{most >> 20} MB" if most >= 2**20 else f"{most >> 10} kB"
    return _TooLargeError(f"This is larger than {size}.")


async def _json(request: web.Request) -> Any:
    text = await _body(request, _MOST_JSON)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("This is not JSON.") from error


def _lasting(response: web.FileResponse) -> web.FileResponse:
    """Lets the browser keep an answer: ids are hashes of the content."""
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _sent(
    path: pathlib.Path, request: web.Request, name: str
) -> web.FileResponse:
    if not path.is_file():
        raise KeyError(path.name)
    response = web.FileResponse(path)
    if "download" in request.query:
        quoted = urllib.parse.quote(name)
        response.headers["Content-Disposition"] = (
            f"attachment; filename*=UTF-8''{quoted}"
        )
    return response
