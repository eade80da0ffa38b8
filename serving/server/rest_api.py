"""The HTTP server: TensorFlow Serving's REST API, metrics and the web page."""

import asyncio
import json
import pathlib
import re
import time
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from serving import protocol
from serving.server import rest_json
from serving.server.config import ServerConfig
from serving.server.errors import HTTP, StatusError
from serving.server.metrics import Metrics
from serving.server.model_manager import ModelManager
from serving.server.predictions import Address, Answer, Predictions, Question

_VERSION = r"(?:/versions/(?P<number>\d{1,19})|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"/v1/models/(?P<model>[^/:]+){_VERSION}:(?P<method>\w+)", re.I
)
_STATUS = re.compile(
    rf"/v1/models(?:/(?P<model>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?",
    re.I,
)
_PAGE = pathlib.Path(__file__).with_name("page.html")
_HEADERS = {
    # The page is one file and needs no others.
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; "
    "img-src 'self' blob: data:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


class RestServer:
    """The HTTP side of a server, for use in one event loop."""

    def __init__(
        self,
        config: ServerConfig,
        manager: ModelManager,
        predictions: Predictions,
        metrics: Metrics,
    ):
        self._config, self._manager = config, manager
        self._predictions, self._metrics = predictions, metrics
        # As in grpc_api: limits the memory of requests being read.
        self._slots = asyncio.Semaphore(config.running + config.queued + 64)
        app = web.Application(
            client_max_size=config.max_bytes, middlewares=[_json_errors]
        )
        app.router.add_get("/", self._page)
        if config.metrics_path:
            app.router.add_get(config.metrics_path, self._metrics_text)
        app.router.add_route("*", "/{v1:[vV]1}/{rest:.*}", self._api)
        # A request whose client has gone leaves the queue.
        self._runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=config.grace,
        )

    async def start(self) -> int:
        """Starts serving; returns the port.

        Raises:
            OSError: The port is in use.
        """
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._config.host, self._config.rest_port
        )
        await site.start()
        return self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuses new requests and waits a limited time for the others."""
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if "model" not in request.query:
            query = urllib.parse.urlencode({"model": self._manager.first()})
            raise web.HTTPFound(f"/?{query}")
        return web.FileResponse(_PAGE, headers=_HEADERS)

    async def _metrics_text(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.text(),
            headers={"Content-Type": "text/plain; version=0.0.4"},
        )

    async def _api(self, request: web.Request) -> web.Response:
        # The raw path, because %3A in a name is not a separator.
        path = urllib.parse.urlsplit(request.raw_path).path
        if request.method == "POST" and (match := _PREDICT.fullmatch(path)):
            return await self._predict(request, match)
        if request.method == "GET" and (match := _STATUS.fullmatch(path)):
            return _response(self._status(match))
        raise StatusError(
            "INVALID_ARGUMENT", f"Malformed request: {request.method} {path}"
        )

    async def _predict(
        self, request: web.Request, match: re.Match[str]
    ) -> web.Response:
        if match["method"].lower() != "predict":
            raise StatusError("UNIMPLEMENTED", "Only :predict is supported.")
        if self._slots.locked():
            raise StatusError(
                "RESOURCE_EXHAUSTED",
                "Too many requests are being read; try later.",
            )
        async with self._slots:
            begin = time.monotonic()
            body = await self._body(request)
            seconds = time.monotonic() - begin
            return await self._answer(match, body, seconds)

    async def _body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._config.rest_timeout):
                return await request.read()
        except TimeoutError:
            raise StatusError(
                "DEADLINE_EXCEEDED", "The body did not arrive in time."
            ) from None
        except web.RequestPayloadError as error:
            raise StatusError("INVALID_ARGUMENT", str(error)) from error

    async def _answer(
        self, match: re.Match[str], body: bytes, seconds: float
    ) -> web.Response:
        document = {}

        def read(signature: Callable[[str], Any]) -> Question:
            document.update(rest_json.parse(body))
            try:
                found = signature(document.get("signature_name", ""))
            except StatusError as error:
                # The code differs from gRPC's, as in TensorFlow Serving.
                raise StatusError("INVALID_ARGUMENT", str(error)) from error
            return rest_json.question(document, found)

        def write(unused_question: Question, answer: Answer) -> bytes:
            return rest_json.answer(document, answer)

        return _response(
            await self._predictions.answer(
                _address(match),
                read,
                write,
                entrypoint="REST",
                timeout=self._config.rest_timeout - seconds,
            )
        )

    def _status(self, match: re.Match[str]) -> bytes:
        if not match["model"]:
            raise StatusError(
                "INVALID_ARGUMENT", "Missing model name in request."
            )
        address = _address(match)
        if match["metadata"]:
            return self._metadata(address)
        response = protocol.status_response(self._manager.status(*address))
        return _json(_dict(response))

    def _metadata(self, address: Address) -> bytes:
        with self._manager.use(*address) as lease:
            signatures = protocol.SignatureDefMap(
                signature_def=lease.servable.signatures
            )
            spec = {
                "name": address.model,
                "signature_name": "",
                "version": str(lease.number),
            }
        return _json(
            {
                "model_spec": spec,
                "metadata": {"signature_def": _dict(signatures)},
            }
        )


@web.middleware
async def _json_errors(
    request: web.Request,
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    try:
        return await handler(request)
    except StatusError as error:
        body = _json({"error": str(error)})
        return _response(body, HTTP[error.code])
    except web.HTTPRequestEntityTooLarge as error:
        return _response(_json({"error": error.text}), error.status)


def _address(match: re.Match[str]) -> Address:
    number = int(match["number"] or 0) or None  # 0: as in grpc_api.
    model = urllib.parse.unquote(match["model"])
    label = match["label"] and urllib.parse.unquote(match["label"])
    return Address(model, number, label)


def _dict(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _response(body: bytes, status: int = 200) -> web.Response:
    return web.Response(
        body=body, status=status, headers={"Content-Type": "application/json"}
    )
