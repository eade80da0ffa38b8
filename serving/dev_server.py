r"""Serves models without Docker, with TensorFlow Serving's protocol.

  python -m serving.dev_server --model_name=style --model_base_path=models/style

answers gRPC at localhost:8500, REST at localhost:8501, and has a page to try
it at http://localhost:8501/. Flags, files, status codes and texts are those of
`tensorflow_model_server`, so that what works here works there; additional
flags are marked with (*). It is made for development, tests and small loads:
one process, a few requests at a time, no batching.

SIGTERM or Ctrl-C lets it finish its requests; a second one ends it at once.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from absl import app, flags

from serving import cli

if TYPE_CHECKING:
    from serving.server.config import ModelConfig, ServerConfig
    from serving.server.model_manager import ModelManager

_PORT = flags.DEFINE_integer(
    "port", 8500, "Port of gRPC; 0 for any free one.", 0, 65535
)
_REST_API_PORT = flags.DEFINE_integer(
    "rest_api_port",
    8501,
    "Port of REST and of the web page; 0 for none.",
    0,
    65535,
)
_HOST = flags.DEFINE_string(
    "host", "127.0.0.1", "(*) Address to bind; 0.0.0.0 for all networks."
)
_MODEL_NAME = flags.DEFINE_string(
    "model_name",
    "default",
    "Name of the model of --model_base_path in requests.",
)
_MODEL_BASE_PATH = flags.DEFINE_string(
    "model_base_path",
    None,
    "Folder of the model, whose folders 1, 2, ... are its versions.",
)
_MODEL_CONFIG_FILE = flags.DEFINE_string(
    "model_config_file",
    None,
    "File that names several models or versions, such as models.config.",
)
_MODEL_CONFIG_POLL = flags.DEFINE_float(
    "model_config_file_poll_wait_seconds",
    0,
    "Seconds between checks of --model_config_file; 0 for one at the start.",
    lower_bound=0,
)
_FILE_SYSTEM_POLL = flags.DEFINE_float(
    "file_system_poll_wait_seconds",
    1,
    "Seconds between checks for new versions; 0 for one at the start.",
    lower_bound=0,
)
_MONITORING_CONFIG_FILE = flags.DEFINE_string(
    "monitoring_config_file",
    None,
    "File that turns metrics on or off, such as monitoring.config; if not "
    "given, they are on.",
)
_SSL_CONFIG_FILE = flags.DEFINE_string(
    "ssl_config_file", None, "File with the key and the certificate for gRPC."
)
_REST_TIMEOUT = flags.DEFINE_integer(
    "rest_api_timeout_in_ms",
    30_000,
    "Time limit of a REST request, in milliseconds.",
    lower_bound=1,
)
_THREADS = flags.DEFINE_integer(
    "tensorflow_intra_op_parallelism",
    0,
    "Threads of an operation; 0 for one on each core.",
    lower_bound=0,
)
_TENSOR_CONTENT = flags.DEFINE_bool(
    "enable_serialization_as_tensor_content",
    False,
    "Sends arrays as bytes, not value by value.",
)
_RUNNING = flags.DEFINE_integer(
    "max_running_requests",
    2,
    "(*) Number of requests that run at a time.",
    lower_bound=1,
)
_QUEUED = flags.DEFINE_integer(
    "max_queued_requests",
    64,
    "(*) Largest number of requests that wait; more are refused.",
    lower_bound=0,
)
_MAX_BYTES = flags.DEFINE_integer(
    "max_request_bytes",
    64 * 2**20,
    "(*) Largest size of a request, in bytes; larger ones are refused.",
    1,
)
_DRAIN = flags.DEFINE_float(
    "drain_seconds",
    30,
    "(*) Seconds to finish requests when the server ends.",
    lower_bound=0,
)
for _seconds_flag in (_MODEL_CONFIG_POLL, _FILE_SYSTEM_POLL, _DRAIN):
    flags.register_validator(
        _seconds_flag,
        lambda seconds: seconds <= threading.TIMEOUT_MAX,  # Not so: nan.
        f"must be a number of at most {threading.TIMEOUT_MAX:.0f} seconds.",
    )
_LOG_LEVEL = flags.DEFINE_enum(
    "log_level",
    "INFO",
    ["DEBUG", "INFO", "WARNING", "ERROR"],
    "(*) Least level of log messages, which are lines of JSON.",
)

_LOG = logging.getLogger("serving")
# Signal -> what ends the process.
_SIGNALS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


def main() -> None:
    """Loads the models, then serves until a signal."""
    if bool(_MODEL_BASE_PATH.value) == bool(_MODEL_CONFIG_FILE.value):
        raise app.UsageError(
            "Give either --model_base_path or --model_config_file."
        )
    from serving.server import logs

    config = _server_config()
    configs = _models()
    logs.start(_LOG_LEVEL.value)
    # Hides TensorFlow's banners; the server logs errors itself.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from serving.server.model_manager import ModelManager
    from serving.server.servable import Servable

    manager = ModelManager(configs, lambda p: Servable(p, config.threads))
    manager.update()
    _check_available(manager, configs)
    asyncio.run(_serve(config, manager))
    manager.close()
    _LOG.info("stopped")


async def _serve(config: "ServerConfig", manager: "ModelManager") -> None:
    from serving.server.server import Server

    stop = asyncio.Event()
    _call_on_signals(asyncio.get_running_loop(), stop.set)
    server = Server(config, manager)
    await server.start()
    _poll(manager)
    fields = {"grpc": config.address(server.port)}
    if server.rest_port:
        fields["rest"] = f"http://{config.address(server.rest_port)}"
    _LOG.info("serving", extra={"fields": fields})
    await stop.wait()
    _LOG.info("draining", extra={"fields": {"seconds": config.grace}})
    await server.stop()


def _call_on_signals(
    loop: asyncio.AbstractEventLoop, function: Callable[[], object]
) -> None:
    """Calls a function at the first signal; the second ends the process."""

    def called(number: int, frame: object) -> None:
        for each, ending in _SIGNALS.items():
            if signal.getsignal(each) == called:
                signal.signal(each, ending)
        loop.call_soon_threadsafe(function)

    # Not `loop.add_signal_handler`, which Windows does not have.
    for number in _SIGNALS:
        # Background processes of a script ignore SIGINT; leave it so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, called)


def _poll(manager: "ModelManager") -> None:
    """Starts checking for new versions and a changed configuration."""
    if _FILE_SYSTEM_POLL.value:
        manager.start(_FILE_SYSTEM_POLL.value)
    if _MODEL_CONFIG_POLL.value and _MODEL_CONFIG_FILE.value:
        manager.start(
            _MODEL_CONFIG_POLL.value, lambda: manager.reconfigure(_models())
        )


def _models() -> "list[ModelConfig]":
    from serving.server.config import ModelConfig, read_models

    if _MODEL_CONFIG_FILE.value:
        return read_models(_MODEL_CONFIG_FILE.value)
    return [
        ModelConfig(
            name=_MODEL_NAME.value, base_path=_MODEL_BASE_PATH.value or ""
        )
    ]


def _server_config() -> "ServerConfig":
    from serving.server.config import (
        ServerConfig,
        read_metrics_path,
        read_ssl,
    )

    metrics = ServerConfig.metrics_path
    if _MONITORING_CONFIG_FILE.value:
        metrics = read_metrics_path(_MONITORING_CONFIG_FILE.value)
    ssl = None
    if _SSL_CONFIG_FILE.value:
        ssl = read_ssl(_SSL_CONFIG_FILE.value)
    return ServerConfig(
        host=_HOST.value,
        port=_PORT.value,
        rest_port=_REST_API_PORT.value or None,
        running=_RUNNING.value,
        queued=_QUEUED.value,
        threads=_THREADS.value,
        max_bytes=_MAX_BYTES.value,
        rest_timeout=_REST_TIMEOUT.value / 1000,
        grace=_DRAIN.value,
        tensor_content=_TENSOR_CONTENT.value,
        metrics_path=metrics,
        ssl=ssl,
    )


def _check_available(
    manager: "ModelManager", configs: "list[ModelConfig]"
) -> None:
    from serving.server.errors import StatusError

    missing, texts = manager.unavailable(), []
    by_name = {config.name: config for config in configs}
    if not missing:
        return
    for name in missing:
        try:
            texts.append(f"{name}: {manager.status(name)[0].text}")
        except StatusError as error:  # There is no version to serve.
            texts.append(f"{error} {_advice(by_name[name])}")
    raise ValueError(
        f"Failed to start server. Error: {len(missing)} model(s) did not "
        f"become available: {'; '.join(texts)}"
    )


def _advice(config: "ModelConfig") -> str:
    """Says where no version to serve is, and what to do."""
    path = config.base_path
    if found := sorted(config.find()):
        return (
            f"in '{path}' that model_version_policy names. There are: {found}"
        )
    return (
        f"in '{path}'. Write one by python -m export.saved_model "
        f"--output={path}"
    )


if __name__ == "__main__":
    cli.run(main)
