"""Asks a TensorFlow Serving model server for stylized images, by gRPC.

  with StyleClient("localhost:8500") as client:
      picture = client.stylize(photograph, painting, strength=0.8)

Photographs and paintings are the bytes of JPEG or PNG files, and so is what
comes back; or they are float32 arrays in [0, 1] of shape (height, width, 3),
and an array comes back. Bytes are a tenth of the traffic. The server ignores
EXIF: turn photographs upright first, as `serving.pictures` does.

One style for many photographs is embedded once:

      embedding = client.embed_style(painting)
      pictures = [client.apply_style(p, embedding) for p in photographs]

Needs grpcio, protobuf and numpy; this file, `protocol.py` and `messages.py` can
be copied into another project. A client may be used by several threads at once.
"""

import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import Message

from serving import protocol

_ADVICE = {
    "UNAVAILABLE": "Is it running, and is this its port (by default 8500 for "
    "gRPC, 8501 for REST)?",
    "NOT_FOUND": "See which models and versions it has: GET /v1/models/NAME.",
    "DEADLINE_EXCEEDED": "Try a smaller image, or a longer time-out.",
    "RESOURCE_EXHAUSTED": "Try later, or a smaller image.",
}
# A float32 image of 2048 x 2048 takes 48 MiB; gRPC's own limit is 4.
_MAX_BYTES = 256 * 2**20
_DELAYS = (0.25, 4.0)  # Seconds at first, doubled each time, and at most.


class ServingError(RuntimeError):
    """The server could not be reached, or refused the request.

    Attributes:
        code: Name of the gRPC status, such as `"INVALID_ARGUMENT"`.
        text: What happened; the message of the error adds advice.
    """

    def __init__(self, code: str, text: str):
        advice = _ADVICE.get(code, "")
        super().__init__(f"{text} {advice}".strip())
        self.code, self.text = code, text


class StyleClient:
    """A connection to a server; a context manager.

    Args:
        server: Address, `"host:port"`. A name with several addresses is asked
            in turn.
        model: Name under which the server has the model.
        version: Number of a version, or `None` for the server's choice.
        label: Such as `"canary"`, in place of a version.
        timeout: Seconds for a call, with its repetitions.
        attempts: Calls at most while the server is not available; other
            errors are not repeated.
        credentials: From `grpc.ssl_channel_credentials`, or `None` without
            TLS.
    """

    def __init__(
        self,
        server: str,
        model: str = "style",
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 60.0,
        attempts: int = 5,
        credentials: grpc.ChannelCredentials | None = None,
    ):
        self.server, self.model = server, model
        self.version, self.label = version, label
        self.timeout, self.attempts = timeout, attempts
        options = [
            ("grpc.max_send_message_length", _MAX_BYTES),
            ("grpc.max_receive_message_length", _MAX_BYTES),
            # One connection stays with one replica.
            ("grpc.lb_policy_name", "round_robin"),
            # By default up to 2 minutes after the server is there again.
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if credentials:
            self._channel = grpc.secure_channel(server, credentials, options)
        else:
            self._channel = grpc.insecure_channel(server, options)
        self._stubs = {
            method: protocol.stub(self._channel, method)
            for method in protocol.METHODS
        }

    def __enter__(self) -> "StyleClient":
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def stylize(
        self,
        content: bytes | np.ndarray,
        style: bytes | np.ndarray,
        strength: float = 1.0,
    ) -> Any:
        """Paints `content` in the style of `style`.

        Args:
            content: File or array, see above.
            style: The same kind; its size may differ.
            strength: From 0, the photograph, to 1, the style.

        Returns:
            The same kind as `content`, and of its size.

        Raises:
            ServingError: There is no answer, or a refusal.
        """
        kind = _suffix(content)
        return self._one(
            f"stylize{kind}",
            {
                f"content_image{kind}": content,
                f"style_image{kind}": style,
                "strength": np.float32(strength),
            },
        )

    def embed_style(self, style: bytes | np.ndarray) -> np.ndarray:
        """What `apply_style` needs of a style: a vector, float32."""
        kind = _suffix(style)
        return self._one(f"embed_style{kind}", {f"style_image{kind}": style})

    def apply_style(
        self,
        content: bytes | np.ndarray,
        embedding: np.ndarray,
        strength: float = 1.0,
    ) -> Any:
        """As `stylize`, with a style from `embed_style`."""
        kind = _suffix(content)
        return self._one(
            f"apply_style{kind}",
            {
                f"content_image{kind}": content,
                "style_embedding": np.asarray(embedding, np.float32),
                "strength": np.float32(strength),
            },
        )

    def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Any signature, with batches: arrays, or lists of bytes, by name."""
        request = protocol.predict_request(self.model, signature, inputs)
        self._address(request.model_spec)
        response = self._call("Predict", request)
        return {
            name: protocol.to_array(tensor)
            for name, tensor in response.outputs.items()
        }

    def signatures(self) -> Any:
        """The `signature_def` map of the model, by name."""
        request = protocol.GetModelMetadataRequest(
            metadata_field=["signature_def"]
        )
        self._address(request.model_spec)
        response = self._call("GetModelMetadata", request)
        return protocol.SignatureDefMap.FromString(
            response.metadata["signature_def"].value
        ).signature_def

    def status(self) -> dict[int, str]:
        """State of each version, such as `{1: "AVAILABLE"}`."""
        request = protocol.GetModelStatusRequest()
        self._address(request.model_spec)
        response = self._call("GetModelStatus", request)
        return {
            item.version: protocol.state_name(item.state)
            for item in response.model_version_status
        }

    def _address(self, spec: Message) -> None:
        spec.name = self.model
        if self.version is not None:
            spec.version.value = self.version
        elif self.label is not None:
            spec.version_label = self.label

    def _one(self, signature: str, inputs: Mapping[str, Any]) -> Any:
        """Calls with a batch of one; returns the only image or vector."""
        batch = {
            name: [value] if isinstance(value, bytes) else value[None]
            for name, value in inputs.items()
        }
        (output,) = self.predict(signature, batch).values()
        return output[0]

    def _call(self, method: str, request: Message) -> Any:
        def once(timeout: float) -> Any:
            try:
                return self._stubs[method](request, timeout=timeout)
            except grpc.RpcError as error:
                code = error.code().name
                details = " ".join((error.details() or "").split())
                raise ServingError(
                    code,
                    f"{self.server} answered {code} for model "
                    f"'{self.model}': {details}",
                ) from error

        return retrying(once, self.attempts, self.timeout)


def retrying(
    call: Callable[[float], Any], attempts: int, timeout: float
) -> Any:
    """Result of `call`, which is given the seconds left.

    It is called again while the server is not available, after pauses that
    grow; never after another error, which would come again.

    Raises:
        ServingError: The last one.
    """
    end = time.monotonic() + timeout
    for attempt in itertools.count(1):
        try:
            return call(max(end - time.monotonic(), 0.001))
        except ServingError as error:
            # At random, so that many clients do not come back at once.
            delay = min(_DELAYS[0] * 2 ** (attempt - 1), _DELAYS[1])
            delay *= random.uniform(0.5, 1)
            last = attempt == attempts or time.monotonic() + delay > end
            if error.code != "UNAVAILABLE":
                raise
            if last:
                text = f"{error.text} (asked {attempt} times)"
                raise ServingError(error.code, text) from error
        time.sleep(delay)


def _suffix(image: bytes | np.ndarray) -> str:
    return "_bytes" if isinstance(image, bytes) else ""
