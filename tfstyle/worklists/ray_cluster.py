"""Starts Ray on this machine, or connects to a cluster."""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import psutil

from tfstyle.runtime import processor

# One thread for each worker: more pictures than with several threads for one.
THREADS = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
_STORE = 100 * 2**20  # Bytes for Ray's objects, of which few are made.
_PATIENCE = 5.0  # Seconds until an address must answer.
# The name is Ray's; the only way to keep it from the machine's own address:
# `_node_ip_address="127.0.0.1"` is replaced by that.
_OTHER_MACHINES = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@contextlib.contextmanager
def connected(address: str, workers: int, gpus: float = 0.0) -> Iterator[int]:
    """Connects to Ray; disconnects, or stops it if it was started, at the end.

    Args:
        address: `"local"` to start Ray here, reachable from this machine only;
            `"auto"` for the cluster of this machine; or `HOST:PORT`.
        workers: Number of workers; 0 for as many as there is room for, but on
            this machine one processor is left for reading.
        gpus: GPUs of each worker.

    Yields:
        The number of workers.

    Raises:
        ConnectionError: There is no cluster at the address.
        TimeoutError: Ray's processes do not start on this machine.
        ValueError: Ray is not installed, versions differ, or a worker needs
            more GPUs than this machine has.
    """
    local = address == "local"
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if local or _is_loopback(address):
        os.environ[_OTHER_MACHINES] = "0"
    ray = _imported()
    more: dict[str, Any] = {}
    if local:
        more = {
            "num_cpus": workers or max(1, processor.cores() - 1),
            "include_dashboard": False,
            "object_store_memory": _STORE,
        }
    else:
        _check_address(address)
    try:
        _init(ray, address=address, **more)
    except ConnectionError as error:
        raise ConnectionError(
            f"There is no Ray cluster at '{address}'. Start one, or use "
            "`cluster` local."
        ) from error
    except RuntimeError as error:  # Other versions of Ray or Python.
        raise ValueError(" ".join(str(error).split())) from error
    try:
        if local and gpus:
            _check_gpus(ray.cluster_resources(), gpus)
        yield workers or _room(ray.cluster_resources(), gpus)
    finally:
        ray.shutdown()


def count(address: str, workers: int, gpus: float = 0.0) -> int:
    """Returns the number of workers that `connected` would yield."""
    if workers or (address == "local" and not gpus):
        return workers or max(1, processor.cores() - 1)
    with connected(address, workers, gpus) as found:
        return found


def _init(ray: Any, **settings: Any) -> None:
    """Calls `ray.init`, twice if Ray's own processes do not start in time.

    They have 30 s, which may be too little on a busy machine. Ray says so by
    a bare `Exception` and leaves them running.
    """
    before = _children()
    for last in (False, True):
        try:
            ray.init(
                log_to_driver=False, logging_level=logging.ERROR, **settings
            )
            return
        except Exception as error:
            if type(error) is not Exception:
                raise
            for process in _children() - before:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            if last:
                raise TimeoutError(
                    f"Ray does not start here: {error} Try again when the "
                    "machine has less to do."
                ) from error


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _room(resources: Mapping[str, float], gpus: float) -> int:
    """Number of workers that fit now: at least one, for clusters that grow."""
    has = resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 0)
    return max(1, int(has))


def _check_gpus(resources: Mapping[str, float], gpus: float) -> None:
    """Raises `ValueError` if a machine alone, which gains none, has fewer."""
    has = resources.get("GPU", 0)
    if has < gpus:
        raise ValueError(
            "`gpus_per_worker` must be at most the number of GPUs that "
            f"Ray finds here, {has:g}. Received: gpus_per_worker={gpus:g}. "
            "Leave it out to paint on processors, or name a `cluster`."
        )


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            "This needs Ray: pip install 'tfstyle[fleet]'."
        ) from error
    return ray


def _is_loopback(address: str) -> bool:
    return address.rpartition(":")[0] in ("127.0.0.1", "localhost")


def _check_address(address: str) -> None:
    """Raises `ConnectionError` if nothing listens: Ray would try for long."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            "`cluster` must be local, auto or HOST:PORT. Received: "
            f"cluster={address!r}"
        )
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as error:
        raise ConnectionError(
            f"There is no Ray cluster at '{address}': "
            f"{error.strerror or error}."
        ) from error
