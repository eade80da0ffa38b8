"""Client of a style transfer model on TensorFlow Serving, by REST.

  client = RestStyleClient("http://localhost:8501")
  picture = client.stylize(photograph, painting, strength=0.8)

Like `serving.style_client`, but only for files (JPEG or PNG): an array of 1024
x 1024 pixels takes 16 MB as JSON, and seconds to read and write. Use gRPC
where possible, REST where only HTTP gets through.
"""

import base64
import urllib.parse
from typing import Any

import numpy as np
import requests

from serving.style_client import (
    ServingError,
    check_choice,
    refusal,
    retrying,
)

# HTTP status -> name of the gRPC status; others are UNKNOWN.
_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


class RestStyleClient:
    """A client by HTTP; several threads may use it at once.

    Args:
        server: Address, such as `"http://localhost:8501"`.
        model: Name of the model on the server.
        version: Number of a version, or `None` for the server's choice.
        label: Label of a version, such as `"canary"`, in place of a number.
        timeout: Time limit of a call with its repetitions, in seconds.
        attempts: Largest number of calls while the server is not available.
        form: Form of the JSON, `"instances"` for rows or `"inputs"` for
            columns.
        tls_ca: File of certificates to check the server by; `None` for those
            of the system.

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
        form: str = "instances",
        tls_ca: str | None = None,
    ):
        check_choice(version, label)
        self.server, self.model = server.rstrip("/"), model
        self.timeout, self.attempts, self.form = timeout, attempts, form
        self._tls = tls_ca if tls_ca else True
        self._path = f"/v1/models/{_quoted(model)}"
        if version is not None:
            self._path += f"/versions/{version}"
        elif label is not None:
            self._path += f"/labels/{_quoted(label)}"

    def stylize(
        self, content: bytes, style: bytes, strength: float = 1.0
    ) -> bytes:
        """Stylizes a photograph; all images are the bytes of files.

        The result has the format of the export, JPEG by default.

        Raises:
            ServingError: The server does not answer or refuses the request.
        """
        answer = self._one(
            "stylize_bytes",
            content_image_bytes=_b64(content),
            style_image_bytes=_b64(style),
            strength=strength,
        )
        return base64.b64decode(answer["b64"])

    def embed_style(self, style: bytes) -> np.ndarray:
        """Returns the embedding of a style for `apply_style`, float32."""
        answer = self._one("embed_style_bytes", style_image_bytes=_b64(style))
        return np.array(answer, np.float32)

    def apply_style(
        self, content: bytes, embedding: np.ndarray, strength: float = 1.0
    ) -> bytes:
        """Stylizes a photograph by an embedding from `embed_style`."""
        answer = self._one(
            "apply_style_bytes",
            content_image_bytes=_b64(content),
            style_embedding=np.asarray(embedding).tolist(),
            strength=strength,
        )
        return base64.b64decode(answer["b64"])

    def _one(self, signature: str, **inputs: Any) -> Any:
        body: dict[str, Any] = {"signature_name": signature}
        if self.form == "instances":
            body["instances"] = [inputs]
            return self._call(body, "predictions")
        body["inputs"] = {name: [value] for name, value in inputs.items()}
        return self._call(body, "outputs")

    def _call(self, body: dict[str, Any], key: str) -> Any:
        def once(timeout: float) -> Any:
            try:
                response = requests.post(
                    f"{self.server}{self._path}:predict",
                    json=body,
                    timeout=timeout,
                    verify=self._tls,
                )
            except requests.Timeout as error:
                text = "there was no answer in time"
                raise self._error("DEADLINE_EXCEEDED", text) from error
            except requests.exceptions.SSLError as error:
                text = f"its certificate was refused, see tls_ca: {error}"
                raise self._error("FAILED_PRECONDITION", text) from error
            except _BROKEN as error:
                raise self._error("UNAVAILABLE", "no connection") from error
            if response.status_code != requests.codes.ok:
                code = _CODES.get(response.status_code, "UNKNOWN")
                raise self._error(code, _text(response))
            try:
                return response.json()[key][0]
            except (ValueError, KeyError, TypeError, IndexError) as error:
                text = "this is not the answer of a model server"
                raise self._error("UNKNOWN", text) from error

        return retrying(once, self.attempts, self.timeout)

    def _error(self, code: str, text: str) -> ServingError:
        return refusal(self.server, self.model, code, text)


def _quoted(name: str) -> str:
    """Returns a name as a part of a path, which may have no / and #."""
    return urllib.parse.quote(name, safe="")


def _b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def _text(response: requests.Response) -> str:
    try:
        return str(response.json()["error"])
    except (ValueError, KeyError, TypeError):  # A proxy's own page.
        return f"HTTP {response.status_code}, {response.reason}."
