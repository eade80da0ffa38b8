"""Servers for the tests: in a thread of this process, or a process."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

import serving_model
from image_bytes import CONTENT, STYLE
from programs import PATIENCE
from serving.server.config import ModelConfig, ServerConfig
from serving.server.model_manager import ModelManager
from serving.server.servable import Servable
from serving.server.server import Server
from serving.style_client import StyleClient

ROOT = pathlib.Path(__file__).parents[2]


class Running:
    """A server in a thread; `grpc` and `rest` are its addresses."""

    def __init__(self, base_path, poll=0.05, labels=(), latest=1, **config):
        self.model = ModelConfig(
            name="style",
            base_path=str(base_path),
            labels=dict(labels),
            latest=latest,
        )
        self.manager = ModelManager([self.model], Servable)
        self.manager.update()
        config = ServerConfig(
            **{"port": 0, "rest_port": 0, "grace": 10} | config
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, daemon=True
        )
        self._thread.start()
        self.server = self.call(self._make(config))
        self.call(self.server.start())
        self.manager.start(poll)
        self.grpc = f"localhost:{self.server.port}"
        self.rest = f"http://localhost:{self.server.rest_port}"

    async def _make(self, config):
        return Server(config, self.manager)

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(
            PATIENCE
        )

    def close(self):
        self.call(self.server.stop())
        self.manager.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def free_port():
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def command(**flags):
    words = [sys.executable, "-m", "serving.dev_server"]
    return words + [f"--{name}={value}" for name, value in flags.items()]


class Program:
    """`python -m serving.dev_server`, from when its log says that it serves.

    The log is a file: nobody need read it for the server to go on. `variables`
    are of its environment.
    """

    def __init__(self, variables=(), **flags):
        flags = {"port": free_port(), "rest_api_port": 0} | flags
        self._out = tempfile.TemporaryFile("w+")
        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command(**flags),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **dict(variables)},
            stdout=self._out,
            stderr=self._errors,
        )
        serving = self.wait_for("serving")
        self.grpc, self.rest = serving["grpc"], serving.get("rest")

    @property
    def log(self):
        """What it has said so far."""
        text = os.pread(self._out.fileno(), 2**24, 0).decode()
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def errors(self):
        return os.pread(self._errors.fileno(), 2**24, 0).decode()

    def wait_for(self, event):
        """The first line of the log about an event."""
        end = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            for line in self.log:
                if line["event"] == event:
                    return line
            assert not ended and time.monotonic() < end, self.errors
            time.sleep(0.01)

    def stop(self, number):
        """Sends a signal; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)


def wait_for(test):
    """Until `test()` is true."""
    end = time.monotonic() + PATIENCE
    while not test():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def ask_well(server):
    """Checks the answer to a good request."""
    with StyleClient(server.grpc, attempts=1) as client:
        painted = client.stylize(CONTENT, STYLE, 0.5)
    np.testing.assert_allclose(
        painted, serving_model.expected(CONTENT, STYLE, 0.5), atol=1e-5
    )
