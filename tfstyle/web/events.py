"""Server-sent events: what changes, to every open page.

A page that does not keep up gets the newest message of each kind only, so that
a slow reader neither holds the others up nor fills memory.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

_PAUSE = 15.0  # Seconds after which a comment shows that the page is there.


class Events:
    """Sends messages to all pages; `publish` may be called by any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers: set[_Reader] = set()
        self._closed = False

    def start(self) -> None:
        """Takes the running event loop for all messages."""
        self._loop = asyncio.get_running_loop()

    def publish(self, kind: str, id: str, message: Any) -> None:
        """Sends a message to all pages.

        Args:
            kind: Name of the event.
            id: What it is about; it replaces an unsent message of the same
                kind and id.
            message: Value that JSON can hold.
        """
        if self._loop is not None and not self._loop.is_closed():
            text = f"event: {kind}\ndata: {json.dumps(message)}\n\n"
            self._loop.call_soon_threadsafe(self._put, (kind, id), text)

    def close(self) -> None:
        """Ends the streams of all pages."""
        self._closed = True
        for reader in self._readers:
            reader.waiting.set()

    async def stream(
        self, request: web.Request, first: Any
    ) -> web.StreamResponse:
        """Answers a request with messages, until the page closes it.

        Args:
            request: The request.
            first: Message of the first event, `state`.
        """
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(request)
        reader = _Reader()
        self._readers.add(reader)
        try:
            text = f"retry: 1000\nevent: state\ndata: {json.dumps(first)}\n\n"
            await response.write(text.encode())
            while not self._closed:
                await response.write((await reader.next()).encode())
        except ConnectionResetError:
            pass
        finally:
            self._readers.discard(reader)
        return response

    def _put(self, key: tuple[str, str], text: str) -> None:
        for reader in self._readers:
            reader.put(key, text)


class _Reader:
    """An open page: its unsent messages, the newest of each key."""

    def __init__(self) -> None:
        self.waiting = asyncio.Event()
        self._texts: dict[tuple[str, str], str] = {}

    def put(self, key: tuple[str, str], text: str) -> None:
        self._texts.pop(key, None)  # The order is that of the last changes.
        self._texts[key] = text
        self.waiting.set()

    async def next(self) -> str:
        """Waits for messages; a comment if there are none for a while."""
        try:
            async with asyncio.timeout(_PAUSE):
                await self.waiting.wait()
        except TimeoutError:
            return ": still here\n\n"
        self.waiting.clear()
        texts, self._texts = self._texts, {}
        return "".join(texts.values())
