"""Client of a style transfer model on TensorFlow Serving, by gRPC.

  with StyleClient("localhost:8500") as client:
      picture = client.stylize(photograph, painting, strength=0.8)

Images are the bytes of JPEG or PNG files, and so is the result; or they are
float32 arrays in [0, 1] of shape (height, width, 3), and so is the result.
Bytes need a tenth of the traffic. The server ignores EXIF: turn photographs
upright first, as `serving.pictures` does.

One style for many photographs is embedded once:

      embedding = client.embed_style(painting)
      pictures = [client.apply_style(p, embedding) for p in photographs]

Needs grpcio, protobuf and numpy; this file, `protocol.py` and `messages.py` can
be copied into a folder `serving` of another project: they import each other by
that name. Several threads may use a client at once.
"""

import itertools
import random
import re
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
# What a failed check in a graph says, its values, and then the nodes.
_CHECK = re.compile(
    r"assertion failed: \[(.*?)\]( \[.*?|) \[\[\{\{(?:function_)?node"
)
# A float32 image of 2048 x 2048 takes 48 MiB; gRPC's own limit is 4.
_MAX_BYTES = 256 * 2**20
_DELAYS = (0.25, 4.0)  # Seconds: the first, doubled each time, and the largest.


class ServingError(RuntimeError):
    """The server could not be reached, or refused the request.

    Attributes:
        code: Name of the gRPC status, such as `"INVALID_ARGUMENT"`.
        text: Description; the message of the error adds advice.
    """

    def __init__(self, code: str, text: str):
        advice = _ADVICE.get(code, "")
        super().__init__(f"{text} {advice}".strip())
        self.code, self.text = code, text


class StyleClient:
    """A connection to a server; a context manager.

    Args:
        server: Address, `"host:port"`. The addresses of a name are used in
            turn.
        model: Name of the model on the server.
        version: Number of a version, or `None` for the server's choice.
        label: Label of a version, such as `"canary"`, in place of a number.
        timeout: Time limit of a call with its repetitions, in seconds.
        attempts: Largest number of calls while the server is not available;
            after other errors, calls are not repeated.
        credentials: Result of `grpc.ssl_channel_credentials`, or `None`
            without TLS.

    Raises:
        ValueError: There are both a version and a label.
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
        check_choice(version, label)
        self.server, self.model = server, model
        self.version, self.label = version, label
        self.timeout, self.attempts = timeout, attempts
        options = [
            ("grpc.max_send_message_length", _MAX_BYTES),
            ("grpc.max_receive_message_length", _MAX_BYTES),
            # One connection stays with one replica.
            ("grpc.lb_policy_name", "round_robin"),
            # The default waits up to 2 minutes after the server is back.
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
        """Closes the connection."""
        self._channel.close()

    def stylize(
        self,
        content: bytes | np.ndarray,
        style: bytes | np.ndarray,
        strength: float = 1.0,
    ) -> Any:
        """Stylizes a photograph.

        Args:
            content: Photograph, as the bytes of a file or an array.
            style: Style picture of the same kind; its size may differ.
            strength: Strength from 0, the photograph, to 1, the style.

        Returns:
            The stylized image, of the kind and size of `content`; a file has
            the format of the export, JPEG by default.

        Raises:
            ServingError: The server does not answer or refuses the request.
            ValueError: An image is neither bytes nor an array.
        """
        kind = _suffix(content, style)
        return self._one(
            f"stylize{kind}",
            {
                f"content_image{kind}": content,
                f"style_image{kind}": style,
                "strength": np.float32(strength),
            },
        )

    def embed_style(self, style: bytes | np.ndarray) -> np.ndarray:
        """Returns the embedding of a style for `apply_style`, float32."""
        kind = _suffix(style)
        return self._one(f"embed_style{kind}", {f"style_image{kind}": style})

    def apply_style(
        self,
        content: bytes | np.ndarray,
        embedding: np.ndarray,
        strength: float = 1.0,
    ) -> Any:
        """Stylizes a photograph by an embedding from `embed_style`."""
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
        """Calls any signature with batches: arrays or lists of bytes."""
        request = protocol.predict_request(self.model, signature, inputs)
        self._address(request.model_spec)
        response = self._call("Predict", request)
        return {
            name: protocol.to_array(tensor)
            for name, tensor in response.outputs.items()
        }

    def signatures(self) -> Any:
        """Returns the model's signatures: `SignatureDef` messages by name."""
        request = protocol.GetModelMetadataRequest(
            metadata_field=["signature_def"]
        )
        self._address(request.model_spec)
        response = self._call("GetModelMetadata", request)
        return protocol.SignatureDefMap.FromString(
            response.metadata["signature_def"].value
        ).signature_def

    def status(self) -> dict[int, str]:
        """Returns the state of each version, such as `{1: "AVAILABLE"}`."""
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
        """Calls a signature with one example; returns its only output."""
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
                # Nobody cancels here: a server that shuts down says it, too.
                code = "UNAVAILABLE" if code == "CANCELLED" else code
                details = error.details() or ""
                raise refusal(self.server, self.model, code, details) from error

        return retrying(once, self.attempts, self.timeout)


def refusal(server: str, model: str, code: str, details: str) -> ServingError:
    """Returns the error for an answer; of a check in a graph, its sentence."""
    text = " ".join(details.split())
    if found := _CHECK.search(text):
        text = "".join(found.groups())
    return ServingError(
        code, f"{server} answered {code} for model '{model}': {text}"
    )


def check_choice(version: int | None, label: str | None) -> None:
    """Raises `ValueError` for a version that is chosen twice."""
    if version is not None and label is not None:
        raise ValueError(
            "Give either `version` or `label`. Received: "
            f"version={version}, label='{label}'"
        )


def retrying(
    call: Callable[[float], Any], attempts: int, timeout: float
) -> Any:
    """Calls a function, again while the server is not available.

    Pauses between calls grow. Other errors are not retried.

    Args:
        call: Function of the time left, in seconds.
        attempts: Largest number of calls.
        timeout: Time limit of all calls, in seconds.

    Returns:
        The result of the function.

    Raises:
        ServingError: The last call failed.
    """
    end = time.monotonic() + timeout
    for attempt in itertools.count(1):
        try:
            return call(max(end - time.monotonic(), 0.001))
        except ServingError as error:
            # Random, so that many clients do not return at once.
            delay = min(_DELAYS[0] * 2 ** (attempt - 1), _DELAYS[1])
            delay *= random.uniform(0.5, 1)
            last = attempt == attempts or time.monotonic() + delay > end
            if error.code != "UNAVAILABLE":
                raise
            if last:
                text = f"{error.text} (asked {attempt} times)"
                raise ServingError(error.code, text) from error
        time.sleep(delay)


def _suffix(*images: bytes | np.ndarray) -> str:
    """What the names of signatures and inputs end in, for the first image."""
    for image in images:
        if not isinstance(image, bytes) and not hasattr(image, "shape"):
            raise ValueError(
                "Images must be the bytes of files, such as "
                "`Path(...).read_bytes()`, or float32 arrays. Received: "
                f"{type(image).__name__}"
            )
    return "_bytes" if isinstance(images[0], bytes) else ""
