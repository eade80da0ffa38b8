"""The gRPC API of TensorFlow Serving: predictions, metadata, status, health."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving import protocol
from serving.server.config import ServerConfig
from serving.server.errors import StatusError
from serving.server.model_manager import ModelManager
from serving.server.predictions import Address, Answer, Predictions, Question

# Services that TensorFlow Serving's health service knows; "" is the server.
_SERVICES = ("", "PredictionService", "ModelService")
_TYPE = "type.googleapis.com/tensorflow.serving.SignatureDefMap"


class GrpcServer:
    """The gRPC side of a server, for use in one event loop.

    Attributes:
        port: Port that was bound.

    Raises:
        OSError: The port is in use, or cannot be bound for another reason.
    """

    def __init__(
        self,
        config: ServerConfig,
        manager: ModelManager,
        predictions: Predictions,
    ):
        self._manager, self._predictions = manager, predictions
        self._tensor_content = config.tensor_content
        self._stopping, self._grace = False, config.grace
        self._requests: set[asyncio.Task] = set()
        self._server = grpc.aio.server(
            options=_options(config),
            # The queue refuses earlier; this limits the memory of requests
            # being read, with a margin for the other methods.
            maximum_concurrent_rpcs=config.running + config.queued + 64,
        )
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._add_services()
        self.port = _bind(self._server, config)

    async def start(self) -> None:
        """Starts serving."""
        await self._server.start()
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Refuses new requests and waits a limited time for the others."""
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        # Before gRPC stops: it answers some new requests with CANCELLED, which
        # clients of others do not retry.
        self._stopping = True
        if self._requests:
            await asyncio.wait(self._requests, timeout=self._grace)
        await self._server.stop(grace=1)

    async def _set_health(self, status: Any) -> None:
        for service in _SERVICES:
            await self._health.set(service, status)

    def _add_services(self) -> None:
        answers = {
            "Predict": self._predict,
            "GetModelMetadata": self._metadata,
            "GetModelStatus": self._status,
        }
        handlers: dict[str, dict] = {}
        for method, (service, request, answer) in protocol.METHODS.items():
            handlers.setdefault(service, {})[method] = (
                grpc.unary_unary_rpc_method_handler(
                    self._handler(answers[method], request),
                    response_serializer=answer.SerializeToString,
                )
            )
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    f"tensorflow.serving.{service}", methods
                )
                for service, methods in handlers.items()
            )
        )

    def _handler(
        self, method: Callable[..., Awaitable[Message]], message: Any
    ) -> Callable[..., Awaitable[Message]]:
        """Wraps a method: parses its requests, and reports errors to gRPC."""

        async def answer(data: bytes, context: grpc.aio.ServicerContext) -> Any:
            if self._stopping:
                await context.abort(
                    grpc.StatusCode.UNAVAILABLE, "The server is shutting down."
                )
            task: Any = asyncio.current_task()
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)
            try:
                request = message.FromString(data)
                return await method(request, context)
            except DecodeError as error:
                await context.abort(grpc.StatusCode.INTERNAL, str(error))
            except StatusError as error:
                code = grpc.StatusCode[error.code]
                await context.abort(code, str(error))

        return answer

    async def _predict(
        self, request: Message, context: grpc.aio.ServicerContext
    ) -> Message:
        spec = _spec(request)

        def read(unused_signature: object) -> Question:
            inputs = {}
            for name, tensor in request.inputs.items():
                try:
                    inputs[name] = protocol.to_array(tensor)
                except ValueError as error:
                    raise StatusError(
                        "INVALID_ARGUMENT",
                        f"tensor parsing error: {name}: {error}",
                    ) from error
            return Question(spec.signature_name, inputs, request.output_filter)

        def write(unused_question: Question, answer: Answer) -> Message:
            response = protocol.PredictResponse()
            response.model_spec.name = spec.name
            response.model_spec.version.value = answer.version
            response.model_spec.signature_name = answer.signature
            for name, array in answer.outputs.items():
                protocol.fill_tensor(
                    response.outputs[name],
                    array,
                    spell_out=not self._tensor_content,
                )
            return response

        return await self._predictions.answer(
            _address(spec),
            read,
            write,
            entrypoint="GRPC",
            timeout=_remaining(context),
        )

    async def _metadata(
        self, request: Message, context: grpc.aio.ServicerContext
    ) -> Message:
        spec = _spec(request)
        if not request.metadata_field:
            raise StatusError(
                "INVALID_ARGUMENT",
                "GetModelMetadataRequest must specify at least one "
                "metadata_field",
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise StatusError(
                    "INVALID_ARGUMENT",
                    f"Metadata field {field} is not supported",
                )
        response = protocol.GetModelMetadataResponse()
        with self._manager.use(*_address(spec)) as lease:
            response.model_spec.name = spec.name
            response.model_spec.version.value = lease.number
            packed = response.metadata["signature_def"]
            packed.type_url = _TYPE
            packed.value = protocol.SignatureDefMap(
                signature_def=lease.servable.signatures
            ).SerializeToString()
        return response

    async def _status(
        self, request: Message, context: grpc.aio.ServicerContext
    ) -> Message:
        spec = _spec(request)
        return protocol.status_response(self._manager.status(*_address(spec)))


def _spec(request: Message) -> Message:
    if not request.HasField("model_spec"):
        raise StatusError("INVALID_ARGUMENT", "Missing ModelSpec")
    return request.model_spec


def _address(spec: Message) -> Address:
    # Some clients, such as ovmsclient, send 0 for the newest version.
    number = spec.version.value or None
    return Address(spec.name, number, spec.version_label or None)


def _remaining(context: grpc.aio.ServicerContext) -> float | None:
    """Returns the seconds until the client's deadline, or `None`."""
    seconds = context.time_remaining()
    # gRPC gives clients without a deadline one in the far future.
    return None if seconds is None or seconds > 1e6 else max(seconds, 0)


def _options(config: ServerConfig) -> list[tuple[str, int]]:
    length = min(config.max_bytes, 2**31 - 1)
    return [
        ("grpc.max_receive_message_length", length),
        ("grpc.max_send_message_length", -1),
        # By default a second server may bind the same port, unnoticed.
        ("grpc.so_reuseport", 0),
        # Detects clients that vanished silently.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _bind(server: grpc.aio.Server, config: ServerConfig) -> int:
    address = config.address(config.port)
    try:
        if config.ssl is None:
            return server.add_insecure_port(address)
        ssl = config.ssl
        credentials = grpc.ssl_server_credentials(
            [(ssl.server_key.encode(), ssl.server_cert.encode())],
            ssl.custom_ca.encode() or None,
            ssl.client_verify,
        )
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(
            f"Cannot bind {address} for gRPC. {_advice(config)}"
        ) from error


def _advice(config: ServerConfig) -> str:
    """Says what to do; gRPC does not say why it cannot bind."""
    try:
        kind, *_, place = socket.getaddrinfo(
            config.host, 0, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(kind) as tried:
            tried.bind(place)
    except OSError:
        return "--host must be an address of this machine."
    advice = "If the port is in use, choose another --port."
    if config.ssl is not None:
        advice += " Else check key and certificate of --ssl_config_file."
    return advice
