r"""Measures a model server: times of requests, throughput, memory.

  python -m serving.bench --server=localhost:8500 --model=style

prints, for each kind and size of image, a line for each number of clients (a
closed loop) and for each rate (an open loop; relative to the throughput of the
closed loop, so that 1.5 is more than the server can do). More:

  --model_base_path=models/style   also times the bare signature, in this
                                   process, and prints the server's overhead
  --server_pid=PID                 prints the overhead in processor time, too:
                                   of that process and of this client
  --memory_requests=2000           sends images of many sizes and prints the
                                   memory of that process meanwhile
  --output=bench.jsonl             also writes each line as JSON

Run it on the server's machine for the overhead, elsewhere for what users see.
"""

import contextlib
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from absl import app, flags

from serving import cli, overhead, samples
from serving.results import Results

if TYPE_CHECKING:
    import psutil

    from serving.style_client import StyleClient

_Number = TypeVar("_Number", int, float)

_LARGEST = 512  # Side of the images of --memory_requests, in pixels.

_SERVER = flags.DEFINE_string(
    "server", "localhost:8500", "Address of the server for gRPC."
)
_MODEL = flags.DEFINE_string(
    "model", "style", "Name of the model on the server."
)
_KIND = flags.DEFINE_list(
    "kinds", list(samples.KINDS), "Kinds of requests: bytes, tensors, or both."
)
_SIZES = flags.DEFINE_list(
    "sizes", ["256", "512"], "Sides of the pictures, in pixels."
)
_CLIENTS = flags.DEFINE_list(
    "clients", ["1", "2", "4", "8", "16"], "Numbers of clients at a time."
)
_RATES = flags.DEFINE_list(
    "rates",
    ["0.5", "0.9", "1.5"],
    "Rates of requests in the open loop, relative to the highest throughput "
    "of --clients.",
)
_SECONDS = flags.DEFINE_float(
    "seconds", 10, "Seconds for each measurement.", lower_bound=0.1
)
cli.define_timeout("Seconds to wait for a request.")
_BASE_PATH = flags.DEFINE_string(
    "model_base_path",
    None,
    "Folder of the model's versions, to measure the bare signature, too.",
)
_MEMORY = flags.DEFINE_integer(
    "memory_requests",
    0,
    "Requests of many sizes during which the memory of --server_pid is "
    "watched; 0 for none.",
    lower_bound=0,
)
_PID = flags.DEFINE_integer(
    "server_pid",
    None,
    "Number of the process whose memory and processor time are read.",
    lower_bound=1,
)
_BUCKET = flags.DEFINE_integer(
    "bucket",
    64,
    "Pixels that the sizes of --memory_requests are multiples of.",
    lower_bound=1,
    upper_bound=_LARGEST,
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write with the results, a line of JSON for each."
)


def main() -> None:
    """Runs the measurements that the flags ask for."""
    if _MEMORY.value and not _PID.value:
        raise app.UsageError("--memory_requests needs --server_pid.")
    if unknown := set(_KIND.value) - set(samples.KINDS):
        raise app.UsageError(
            f"--kinds: {sorted(unknown)} is none of {samples.KINDS}."
        )
    if _PID.value:
        _process()
    if _BASE_PATH.value:
        overhead.newest(_BASE_PATH.value)
    sizes, clients = _numbers(_SIZES, int), _numbers(_CLIENTS, int)
    rates = _numbers(_RATES, float)
    loops = _KIND.value and sizes and (clients or _BASE_PATH.value)
    if not (loops or _MEMORY.value):
        raise app.UsageError(
            "--kinds, --sizes and --clients must not be empty."
        )
    from serving.style_client import StyleClient

    with contextlib.ExitStack() as stack:
        client = stack.enter_context(
            StyleClient(
                _SERVER.value,
                _MODEL.value,
                timeout=flags.FLAGS.timeout,
                attempts=1,
            )
        )
        results = Results(stack, _OUTPUT.value)
        for kind in _KIND.value:
            for size in sizes:
                _measure(client, kind, size, clients, rates, results)
        if _MEMORY.value:
            _memory(client, results)


def _measure(
    client: "StyleClient",
    kind: str,
    size: int,
    clients: list[int],
    rates: list[float],
    results: Results,
) -> None:
    from serving import load

    signature, inputs = samples.request(kind, size, size)

    def call(unused_index: int) -> None:
        client.predict(signature, inputs)

    call(0)  # TensorFlow's first run of a new size is slow.
    best = 0.0
    for count in clients:
        result = load.closed_loop(call, count, _SECONDS.value)
        best = max(best, result.throughput)
        results.loop(kind, size, f"{count} clients", result)
    for rate in rates if best else []:  # Not if all of them failed.
        result = load.open_loop(call, rate * best, _SECONDS.value)
        results.loop(kind, size, f"rate {rate:g}", result)
    if _BASE_PATH.value:
        version = overhead.newest(_BASE_PATH.value)
        alone = overhead.bare(version, signature, inputs)
        process = _process() if _PID.value else None
        times = overhead.compare(
            lambda: call(0), alone, 2 * _SECONDS.value, process
        )
        for what, (ours, bare) in times.items():
            results.overhead(kind, size, what, ours, bare)


def _process() -> "psutil.Process":
    import psutil

    try:
        return psutil.Process(_PID.value)
    except psutil.NoSuchProcess as error:
        raise ValueError(f"--server_pid: there is no {error}.") from error


def _memory(client: "StyleClient", results: Results) -> None:
    """Sends images of many sizes; reports the server's memory ten times."""
    process, random = _process(), np.random.default_rng(0)
    part = max(1, _MEMORY.value // 10)
    for index in range(_MEMORY.value + 1):
        if index % part == 0:
            mib = process.memory_info().rss / 2**20
            results.line(
                f"memory after {index:5} requests: {mib:7.0f} MiB",
                requests=index,
                mib=mib,
            )
        sides = random.integers(
            128 // _BUCKET.value, _LARGEST // _BUCKET.value, 2
        )
        height, width = (sides + 1) * _BUCKET.value
        kind = samples.KINDS[index % 2]
        client.predict(*samples.request(kind, int(height), int(width)))


def _numbers(
    flag: flags.FlagHolder, kind: Callable[[str], _Number]
) -> list[_Number]:
    try:
        numbers = [kind(text) for text in flag.value]
        if all(0 < number < math.inf for number in numbers):
            return numbers
    except ValueError:
        pass
    raise app.UsageError(
        f"--{flag.name} must be positive numbers, separated by commas. "
        f"Received: {','.join(flag.value)}"
    )


if __name__ == "__main__":
    cli.run(main)
