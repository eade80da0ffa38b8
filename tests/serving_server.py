"""Servers for the tests: in a thread of this process, or a process."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

from serving.model_manager import ModelManager
from serving.servable import Servable
from serving.server import Server
from serving.server_config import ModelConfig, ServerConfig

ROOT = pathlib.Path(__file__).parents[1]


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
            60
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
    """`python -m serving.dev_server`, until its log says that it serves."""

    def __init__(self, **flags):
        flags = {"port": free_port(), "rest_api_port": 0} | flags
        self.log = []
        self.process = subprocess.Popen(
            command(**flags),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not self.log or self.log[-1]["event"] != "serving":
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.log.append(json.loads(line))
        self.grpc = self.log[-1]["grpc"]
        self.rest = self.log[-1].get("rest")

    def stop(self, number):
        """Sends a signal; returns the exit status, and keeps the log."""
        self.process.send_signal(number)
        out, self.errors = self.process.communicate(timeout=60)
        self.log += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode


def wait_for(test, seconds=20):
    """Until `test()` is true."""
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
