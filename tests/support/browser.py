"""A tab of a real browser, by its debugging protocol."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import threading

import pytest
import requests

from programs import PATIENCE

NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"]
PROGRAM = next((p for name in NAMES if (p := shutil.which(name))), None)


class Page:
    """A tab.

    Attributes:
        errors: What the console and the page complained of.
        requests: Addresses that were asked for.
    """

    def __init__(self, socket):
        self._socket, self._number = socket, 0
        self.errors, self.requests = [], []

    async def command(self, method, **parameters):
        self._number += 1
        number = self._number
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters}
        )
        while True:
            message = json.loads((await self._socket.receive()).data)
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]

    def _note(self, message):
        if message.get("method") in (
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ):
            self.errors.append(message["params"])
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])

    async def run(self, code):
        """Value of JavaScript, awaited."""
        result = await self.command(
            "Runtime.evaluate",
            expression=f"(async () => {{ {code} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, condition):
        for _ in range(20 * PATIENCE):
            if await self.run(f"return {condition}"):
                return
            await asyncio.sleep(0.05)
        text = await self.run("return document.body.innerText")
        raise AssertionError(f"not {condition}: {text}")

    async def choose(self, id, path):
        """Chooses a file in an input."""
        root = (await self.command("DOM.getDocument"))["root"]
        node = await self.command(
            "DOM.querySelector", nodeId=root["nodeId"], selector=f"#{id}"
        )
        await self.command(
            "DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(path)]
        )

    async def named(self, roles):
        """Roles and names of what screen readers find."""
        nodes = (await self.command("Accessibility.getFullAXTree"))["nodes"]
        return [
            (node["role"]["value"], node["name"]["value"])
            for node in nodes
            if node.get("role", {}).get("value") in roles
            and not node["ignored"]
        ]


@contextlib.contextmanager
def start(folder):
    """Port of a browser that keeps its files in `folder`; skips without."""
    if not PROGRAM:
        pytest.skip(f"needs one of {', '.join(NAMES)}")
    process = subprocess.Popen(
        [
            PROGRAM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder / 'profile'}",
            "about:blank",
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    for line in process.stderr:
        if line.startswith("DevTools listening on "):
            port = line.split(":")[2].split("/")[0]
            break
    else:
        pytest.skip(f"{PROGRAM} does not start")
    # Nobody else reads what it complains of, and a full pipe stops it.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def visit(port, url, look, page_class=Page):
    """Runs the coroutine function `look` with the page at an address."""
    asyncio.run(_visit(port, url, look, page_class))


async def _visit(port, url, look, page_class):
    import aiohttp

    tabs = requests.get(f"http://localhost:{port}/json/list").json()
    (address,) = [
        tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page"
    ]
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(address, max_msg_size=0) as socket:
            page = page_class(socket)
            for domain in ["Runtime", "Log", "Page", "DOM", "Network"]:
                await page.command(f"{domain}.enable")
            await page.command("Page.navigate", url=url)
            await page.until(
                "document.readyState === 'complete' && "
                "location.href !== 'about:blank'"
            )
            await look(page)
