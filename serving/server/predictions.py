"""Handles a request: queue, version, signature, graph, metrics and log.

gRPC and REST pass the address of a model and functions that parse the request
and format the answer; these run in the thread that runs the model.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from serving.server import servable
from serving.server.errors import StatusError
from serving.server.metrics import Metrics
from serving.server.model_manager import Lease, ModelManager
from serving.server.scheduler import Scheduler

_LOG = logging.getLogger(__name__)
_LONGEST = 200  # Characters of a client's name or of an error in the log.


class Address(NamedTuple):
    """A version of a model; the newest one without number and label."""

    model: str
    number: int | None = None
    label: str | None = None


class Question(NamedTuple):
    """A parsed request; empty `outputs` stand for all."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[str] = ()


class Answer(NamedTuple):
    """The outputs of a version."""

    version: int
    signature: str
    outputs: dict[str, np.ndarray]


class Predictions:
    """Answers the requests of a server.

    Args:
        manager: Manager of the models.
        scheduler: Scheduler that runs the requests.
        metrics: Metrics that count them.
        max_bytes: Largest size of an input array, in bytes.
    """

    def __init__(
        self,
        manager: ModelManager,
        scheduler: Scheduler,
        metrics: Metrics,
        max_bytes: int,
    ):
        self._manager, self._scheduler = manager, scheduler
        self._metrics, self._max_bytes = metrics, max_bytes

    async def answer(
        self,
        address: Address,
        read: Callable[[Callable[[str], Any]], Question],
        write: Callable[[Question, Answer], Any],
        *,
        entrypoint: str,
        timeout: float | None,
    ) -> Any:
        """Answers a request.

        Args:
            address: Address of the model.
            read: Function that parses the request; receives a function from
                the name of a signature to its `SignatureDef`.
            write: Function that formats the result.
            entrypoint: API of the request, `"GRPC"` or `"REST"`.
            timeout: Time limit in seconds, or `None`.

        Returns:
            The result of `write`.

        Raises:
            StatusError: The request is refused.
        """
        begin = time.monotonic()
        status, text = "UNKNOWN", ""

        def work(left: float | None) -> Any:
            with self._manager.use(*address) as lease:
                return self._work(address.model, lease, read, write, left)

        try:
            result = await self._scheduler.run(work, timeout)
            status = "OK"
            return result
        except StatusError as error:
            status, text = error.code, str(error)
            raise
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        finally:
            seconds = time.monotonic() - begin
            # Clients may ask for any number of unknown names.
            known = self._manager.knows(address.model)
            model = address.model if known else "(unknown)"
            self._metrics.request(model, status, entrypoint, seconds)
            _log(address, entrypoint, status, seconds, text)

    def _work(
        self,
        model: str,
        lease: Lease,
        read: Callable[[Callable[[str], Any]], Question],
        write: Callable[[Question, Answer], Any],
        timeout: float | None,
    ) -> Any:
        begin = time.monotonic()
        question = read(lease.servable.signature)
        for name, array in question.inputs.items():
            size = _bytes(array, self._max_bytes)
            if size > self._max_bytes:
                raise StatusError(
                    "INVALID_ARGUMENT",
                    f"input '{name}' has {size} bytes; "
                    f"{self._max_bytes} are allowed",
                )
        if timeout is not None:
            timeout -= time.monotonic() - begin
        begin = time.monotonic()
        outputs = lease.servable.run(*question, timeout=timeout)
        self._metrics.runtime(model, time.monotonic() - begin)
        signature = question.signature or servable.DEFAULT_SIGNATURE
        return write(question, Answer(lease.number, signature, outputs))


def _bytes(array: np.ndarray, enough: int) -> int:
    """Returns the bytes of an array in TensorFlow, which copies each string.

    One value may stand for a whole array, see `protocol.to_array`; so strings
    are not counted if the array has more than `enough` bytes without them.
    """
    size = array.nbytes
    if array.dtype == object and size <= enough:
        size += sum(map(len, array.flat))
    return size


def _log(
    address: Address, entrypoint: str, status: str, seconds: float, text: str
) -> None:
    fields = {
        "model": address.model[:_LONGEST],
        "entrypoint": entrypoint,
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
    }
    if text:
        fields["error"] = text.splitlines()[0][:_LONGEST]
    _LOG.info("request", extra={"fields": fields})
