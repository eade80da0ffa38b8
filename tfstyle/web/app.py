"""The studio's server: one process, one page, one queue."""

import asyncio
import os
import pathlib
import socket
from collections.abc import Callable

from aiohttp import web

from tfstyle.web import api, guard, work
from tfstyle.web.events import Events
from tfstyle.web.guard import Guard
from tfstyle.web.work import Worker

_STATIC = pathlib.Path(__file__).with_name("static")
_HOST = "127.0.0.1"
_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def listen(port: int) -> socket.socket:
    """Returns a socket of this machine alone.

    Args:
        port: Port; 0 for any free one.

    Raises:
        OSError: The port is in use; says what to do.
    """
    found = socket.socket()
    try:
        if os.name == "posix":  # On Windows it lets two listen.
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((_HOST, port))
        found.listen()  # A browser that is quicker waits.
    except OSError as error:
        found.close()
        raise OSError(
            f"Port {port} of {_HOST} cannot be used ({error.strerror}). Is "
            "the studio open already? Or choose another `port`."
        ) from error
    return found


def make(
    root: pathlib.Path, port: int, token: str, once: str = ""
) -> web.Application:
    """Returns the application of a studio.

    Args:
        root: Folder of its images and jobs; created if it does not exist.
        port: Port at which it will be reached.
        token: Token of the page; see `guard`.
        once: Token that opens the page a single time.

    Raises:
        OSError: The folder cannot be written.
    """
    images, jobs = work.folders(root)
    events = Events()
    worker = Worker(images, jobs, events)
    images.add_samples()
    middlewares = [Guard(port, token, once).middleware(), api.errors]
    app = web.Application(middlewares=middlewares)
    app.router.add_routes(
        [
            *api.Api(root, images, jobs, worker, events).routes(),
            web.get("/", _file),
            web.get("/static/{name}", _file),
        ]
    )
    app.on_response_prepare.append(guard.add_headers)

    async def start(app: web.Application) -> None:
        events.start()
        worker.start()

    async def shut_down(app: web.Application) -> None:
        events.close()
        await asyncio.to_thread(worker.close)

    app.on_startup.append(start)
    app.on_shutdown.append(shut_down)
    return app


def run(
    root: pathlib.Path,
    listening: socket.socket,
    token: str,
    once: str,
    on_end: Callable[[], None],
) -> None:
    """Serves a studio until Ctrl-C or SIGTERM.

    The running picture is stopped then, and its checkpoint kept.

    Args:
        root: Folder of the studio.
        listening: Socket from `listen`.
        token: Token of the page.
        once: Token that opens the page a single time.
        on_end: Function called before the running picture is stopped.
    """

    async def end(app: web.Application) -> None:
        on_end()

    port = listening.getsockname()[1]
    app = make(root, port, token, once)
    app.on_shutdown.insert(0, end)
    web.run_app(
        app,
        sock=listening,
        print=None,
        access_log=None,
        shutdown_timeout=2.0,
    )


async def _file(request: web.Request) -> web.StreamResponse:
    """Sends the page or one of its files."""
    name = request.match_info.get("name", "index.html")
    path = _STATIC / name
    if path not in _STATIC.iterdir():
        raise KeyError(name)
    kind = _TYPES[path.suffix]
    return web.FileResponse(path, headers={"Content-Type": kind})
