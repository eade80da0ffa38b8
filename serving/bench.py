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
import functools
import io
import json
import math
import pathlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import numpy as np
from absl import app, flags

from serving import cli

if TYPE_CHECKING:
    import psutil

    from serving.load import Result
    from serving.style_client import StyleClient

_Number = TypeVar("_Number", int, float)

_KINDS = ("bytes", "tensors")
_LARGEST = 512  # Side of the images of --memory_requests, in pixels.

_SERVER = flags.DEFINE_string(
    "server", "localhost:8500", "Address of the server for gRPC."
)
_MODEL = flags.DEFINE_string(
    "model", "style", "Name of the model on the server."
)
_KIND = flags.DEFINE_list(
    "kinds", list(_KINDS), "Kinds of requests: bytes, tensors, or both."
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
    if unknown := set(_KIND.value) - set(_KINDS):
        raise app.UsageError(f"--kinds: {sorted(unknown)} is none of {_KINDS}.")
    if _PID.value:
        _process()
    if _BASE_PATH.value:
        _version()
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
        report = _Report(stack, _OUTPUT.value)
        for kind in _KIND.value:
            for size in sizes:
                _measure(client, kind, size, clients, rates, report)
        if _MEMORY.value:
            _memory(client, report)


def _measure(
    client: "StyleClient",
    kind: str,
    size: int,
    clients: list[int],
    rates: list[float],
    report: "_Report",
) -> None:
    from serving import load

    signature, inputs = _request(kind, size, size)

    def call(unused_index: int) -> None:
        client.predict(signature, inputs)

    call(0)  # TensorFlow's first run of a new size is slow.
    best = 0.0
    for count in clients:
        result = load.closed_loop(call, count, _SECONDS.value)
        best = max(best, result.throughput)
        report.loop(kind, size, f"{count} clients", result)
    for rate in rates if best else []:  # Not if all of them failed.
        result = load.open_loop(call, rate * best, _SECONDS.value)
        report.loop(kind, size, f"rate {rate:g}", result)
    if _BASE_PATH.value:
        _overhead(call, kind, size, signature, inputs, report)


def _overhead(
    call: Callable[[int], None],
    kind: str,
    size: int,
    signature: str,
    inputs: dict[str, Any],
    report: "_Report",
) -> None:
    """Times server and bare signature alternately, under the same load.

    On a busy machine the processor time is more reliable.
    """
    bare = _bare(signature, inputs)
    bare()
    server, alone = _Timer(lambda: call(0)), _Timer(bare)
    before = _server_seconds()
    end = time.perf_counter() + 2 * _SECONDS.value
    while time.perf_counter() < end:
        server.run()
        alone.run()
    report.overhead(kind, size, "time", server.median(), alone.median())
    if _PID.value:
        used = (_server_seconds() - before) / len(server.times)
        report.overhead(
            kind,
            size,
            "processor",
            used + server.processor(),
            alone.processor(),
        )


class _Timer:
    """Measures wall and processor time of calls in this process."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call, self._used = call, 0.0
        self.times: list[float] = []

    def run(self) -> None:
        begin, used = time.perf_counter(), time.process_time()
        self._call()
        self._used += time.process_time() - used
        self.times.append(time.perf_counter() - begin)

    def median(self) -> float:
        return float(np.median(self.times))

    def processor(self) -> float:
        return self._used / len(self.times)


def _server_seconds() -> float:
    """Returns the processor time of the server so far, in seconds."""
    if not _PID.value:
        return 0.0
    times = _process().cpu_times()
    return times.user + times.system


def _process() -> "psutil.Process":
    import psutil

    try:
        return psutil.Process(_PID.value)
    except psutil.NoSuchProcess as error:
        raise ValueError(f"--server_pid: there is no {error}.") from error


def _bare(
    signature: str, inputs: dict[str, Any]
) -> Callable[[], list[np.ndarray]]:
    import tensorflow as tf

    loaded = _loaded(_version())
    tensors = {name: tf.constant(value) for name, value in inputs.items()}

    def call() -> list[np.ndarray]:
        answers = loaded.signatures[signature](**tensors)
        return [answer.numpy() for answer in answers.values()]

    return call


def _version() -> str:
    """Returns the folder of the newest version in --model_base_path."""
    from serving.server.config import ModelConfig

    config = ModelConfig(name="", base_path=_BASE_PATH.value or "")
    versions = config.find()
    if not versions:
        raise ValueError(f"There is no version in '{_BASE_PATH.value}'.")
    return str(versions[max(versions)])


@functools.cache
def _loaded(path: str) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(path)


def _memory(client: "StyleClient", report: "_Report") -> None:
    """Sends images of many sizes; reports the server's memory ten times."""
    process, random = _process(), np.random.default_rng(0)
    part = max(1, _MEMORY.value // 10)
    for index in range(_MEMORY.value + 1):
        if index % part == 0:
            mib = process.memory_info().rss / 2**20
            report.line(
                f"memory after {index:5} requests: {mib:7.0f} MiB",
                requests=index,
                mib=mib,
            )
        sides = random.integers(
            128 // _BUCKET.value, _LARGEST // _BUCKET.value, 2
        )
        height, width = (sides + 1) * _BUCKET.value
        kind = _KINDS[index % 2]
        client.predict(*_request(kind, int(height), int(width)))


def _request(kind: str, height: int, width: int) -> tuple[str, dict[str, Any]]:
    """Returns signature and inputs for an image of this size and a style."""
    image, style = _picture(height, width), _picture(256, 256)
    strength = np.ones(1, np.float32)
    if kind == "bytes":
        return "stylize_bytes", {
            "content_image_bytes": [_jpeg(image)],
            "style_image_bytes": [_jpeg(style)],
            "strength": strength,
        }
    return "stylize", {
        "content_image": image[None],
        "style_image": style[None],
        "strength": strength,
    }


def _picture(height: int, width: int) -> np.ndarray:
    """Returns smooth colors with some grain, similar to a photograph."""
    y, x = np.mgrid[0 : 6 : 1j * height, 0 : 6 : 1j * width]
    waves = np.stack([np.sin(x + y), np.cos(x * y / 3), np.sin(y - x)], -1)
    grain = np.random.default_rng(0).normal(0, 0.05, waves.shape)
    return np.clip(0.5 + 0.4 * waves + grain, 0, 1).astype(np.float32)


def _jpeg(image: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((255 * image).astype(np.uint8)).save(file, "JPEG")
    return file.getvalue()


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


class _Report:
    """Prints results as lines, and writes them as JSON."""

    def __init__(self, stack: contextlib.ExitStack, path: str | None) -> None:
        self._file: TextIO | None = None
        if path:
            self._file = stack.enter_context(
                pathlib.Path(path).open("w", encoding="utf-8")
            )

    def line(self, text: str, **values: object) -> None:
        print(text, flush=True)
        if self._file:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()

    def overhead(
        self, kind: str, size: int, what: str, server: float, bare: float
    ) -> None:
        self.line(
            f"{kind:8}{size:5}  {what} overhead {server / bare - 1:6.1%}: "
            f"{1000 * server:.1f} ms by the server, {1000 * bare:.1f} ms bare",
            kind=kind,
            size=size,
            what=what,
            server=server,
            bare=bare,
        )

    def loop(self, kind: str, size: int, load: str, result: "Result") -> None:
        percentiles = {f"p{p}": result.percentile(p) for p in (50, 95, 99)}
        times = "  ".join(
            f"{name} {1000 * seconds:7.1f} ms"
            for name, seconds in percentiles.items()
        )
        errors = f"  {result.errors}" if result.errors else ""
        self.line(
            f"{kind:8}{size:5}  {load:10}  {times}  "
            f"{result.throughput:7.2f} per second{errors}",
            kind=kind,
            size=size,
            load=load,
            throughput=result.throughput,
            errors=result.errors,
            **percentiles,
        )


if __name__ == "__main__":
    cli.run(main)
