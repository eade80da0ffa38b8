"""The way of a request: queue, version, signature, graph; counted and logged.

gRPC and REST come here with the address of a model and a function that reads
the inputs of the request, which is done in the thread that computes.
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


class Address(NamedTuple):
    """Which version of which model; the newest without number and label."""

    model: str
    number: int | None = None
    label: str | None = None


class Question(NamedTuple):
    """A request that was read; `outputs` empty for all."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[str] = ()


class Answer(NamedTuple):
    """What a version gave."""

    version: int
    signature: str
    outputs: dict[str, np.ndarray]


class Predictions:
    """Answers the requests of a server.

    Args:
        manager: Has the models.
        scheduler: Runs the requests.
        metrics: Counts them.
        max_bytes: Of an input array.
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
        """What `write` makes of the outputs.

        Args:
            address: Of the model.
            read: Makes the question; is given a function from the name of a
                signature to its `SignatureDef`.
            write: Makes the result; runs in the computing thread, too.
            entrypoint: `"GRPC"` or `"REST"`.
            timeout: Seconds, or `None`.

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
            # Anyone may ask for any number of names.
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
    """Of an array in TensorFlow, where each string is a copy.

    One value may stand for a whole array, see `protocol.to_array`: so what has
    `enough` bytes without its strings is not looked through.
    """
    size = array.nbytes
    if array.dtype == object and size <= enough:
        size += sum(map(len, array.flat))
    return size


def _log(
    address: Address, entrypoint: str, status: str, seconds: float, text: str
) -> None:
    fields = {
        "model": address.model,
        "entrypoint": entrypoint,
        "status": status,
        "milliseconds": round(1000 * seconds, 1),
    }
    if text:
        fields["error"] = text.splitlines()[0][:200]
    _LOG.info("request", extra={"fields": fields})
