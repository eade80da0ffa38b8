"""The studio in a thread of the tests, and a client of its page's requests."""

import asyncio
import io
import json
import socket
import threading
import time

import numpy as np
import PIL.Image
import requests
from aiohttp import web

import helpers
from programs import PATIENCE
from tfstyle.web import app

TOKEN = "a-token-of-the-tests-only"


class Client:
    """A client of a studio, with the cookie of its page.

    Attributes:
        url: Origin of the studio, such as `http://127.0.0.1:40001`.
        session: Session that has the cookie.
        cookie: The same as a header.
    """

    def __init__(self, address):
        self.url, _, token = address.partition("/?token=")
        self.session = requests.Session()
        self.session.get(address, timeout=PATIENCE)
        port = self.url.rpartition(":")[2]
        # requests would keep it back from other names of the host.
        self.cookie = f"tfstyle_studio_{port}={token}"

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=PATIENCE, **options)

    def post(self, path, data=b"", kind="application/json", **headers):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        headers = {"Origin": self.url, "Content-Type": kind, **headers}
        return self.session.post(
            self.url + path, data=data, headers=headers, timeout=PATIENCE
        )

    def delete(self, path):
        headers = {"Origin": self.url}
        return self.session.delete(
            self.url + path, headers=headers, timeout=PATIENCE
        )

    def raw(self, line, headers="", whole=True):
        """Answer to a request as it is, which requests would tidy up."""
        host = self.url.removeprefix("http://")
        address = host.split(":")
        with socket.create_connection(address, PATIENCE) as connection:
            connection.sendall(
                f"{line} HTTP/1.1\r\nHost: {host}\r\nCookie: {self.cookie}\r\n"
                f"Connection: close\r\n{headers}\r\n".encode()
            )
            if not whole:
                return connection.recv(4096)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    def upload(self, data, name="photo.png"):
        return self.post(
            f"/api/images?name={name}", data, "application/octet-stream"
        )

    def image(self, height, width, seed):
        """Id of an uploaded image."""
        return self.upload(png(helpers.image(height, width, seed))).json()["id"]

    def paint(self, recipe, kept=True):
        """Queues a recipe; returns its job."""
        answer = self.post("/api/jobs", {"recipe": recipe, "kept": kept})
        assert answer.ok, answer.text
        return answer.json()

    def events(self):
        """Pairs of kind and message, as they come."""
        with self.get("/api/events", stream=True) as stream:
            kind = None
            for line in stream.iter_lines(chunk_size=1):
                name, _, text = line.decode().partition(": ")
                if name == "event":
                    kind = text
                elif name == "data":
                    yield kind, json.loads(text)

    def state(self):
        return next(self.events())[1]

    def job(self, id):
        return next(job for job in self.state()["jobs"] if job["id"] == id)

    def wait(self, id, *statuses):
        """The job once it has one of these statuses."""
        last = time.monotonic() + PATIENCE
        while (job := self.job(id))["status"] not in statuses:
            assert time.monotonic() < last, job
            time.sleep(0.05)
        return job


class Studio(Client):
    """A studio in a thread of the tests; use as a context manager.

    Attributes:
        root: Its folder.
    """

    def __init__(self, root):
        self.root = root

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        listening = app.listen(0)
        port = listening.getsockname()[1]
        self._runner = web.AppRunner(app.make(self.root, port, TOKEN))
        self._call(self._runner.setup())
        self._call(web.SockSite(self._runner, listening).start())
        super().__init__(f"http://127.0.0.1:{port}/?token={TOKEN}")
        return self

    def __exit__(self, *unused):
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _call(self, coroutine):
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(PATIENCE)


def png(pixels):
    """Bytes of a PNG file of an image or a mask, in [0, 1]."""
    file = io.BytesIO()
    PIL.Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(
        file, "PNG"
    )
    return file.getvalue()
