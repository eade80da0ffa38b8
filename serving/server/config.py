"""Settings of the server and its models, and TensorFlow Serving's files.

| flag                       | message in text format      |
|----------------------------|-----------------------------|
| --model_config_file        | `ModelServerConfig`         |
| --batching_parameters_file | `BatchingParameters`        |
| --monitoring_config_file   | `MonitoringConfig`          |
| --ssl_config_file          | `SSLConfig`                 |
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import Message

from serving.messages import message_classes

_LARGEST = 2**63 - 1  # Number of a version: an int64 in all messages.
_METRICS = "/monitoring/prometheus/metrics"
_CLASSES = message_classes(
    {
        "Latest": {"num_versions": (1, "uint32")},
        "All": {},
        "Specific": {"versions": (1, "repeated int64")},
        "ServableVersionPolicy": {
            "latest": (100, "Latest"),
            "all": (101, "All"),
            "specific": (102, "Specific"),
        },
        "ModelConfig": {
            "name": (1, "string"),
            "base_path": (2, "string"),
            "model_platform": (4, "string"),
            "model_version_policy": (7, "ServableVersionPolicy"),
            "version_labels": (8, "map int64"),
        },
        "ModelConfigList": {"config": (1, "repeated ModelConfig")},
        "ModelServerConfig": {"model_config_list": (1, "ModelConfigList")},
        "SSLConfig": {
            "server_key": (1, "string"),
            "server_cert": (2, "string"),
            "custom_ca": (3, "string"),
            "client_verify": (4, "bool"),
        },
        "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
        "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
        "Int64Value": {"value": (1, "int64")},
        "BatchingParameters": {
            "max_batch_size": (1, "Int64Value"),
            "batch_timeout_micros": (2, "Int64Value"),
            "max_enqueued_batches": (3, "Int64Value"),
            "num_batch_threads": (4, "Int64Value"),
            "allowed_batch_sizes": (6, "repeated int64"),
            "pad_variable_length_inputs": (7, "bool"),
            "enable_large_batch_splitting": (8, "bool"),
            "max_execution_batch_size": (9, "Int64Value"),
        },
    },
    {},
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Settings of a model: where it is and which versions are served.

    Attributes:
        name: Name of the model in requests.
        base_path: Folder that contains the folders of the versions.
        latest: How many of the newest versions are served.
        specific: Numbers of the versions that are served, in place of the
            newest ones; or `None`.
        labels: Numbers by label, such as `{"stable": 1, "canary": 2}`.
    """

    name: str
    base_path: str
    latest: float = 1
    specific: frozenset[int] | None = None
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def find(self) -> dict[int, pathlib.Path]:
        """Returns the folders of all versions by number.

        Numbers that are too large are ignored, as by TensorFlow Serving.
        """
        base = pathlib.Path(self.base_path)
        if not base.is_dir():
            return {}
        return {
            int(path.name): path
            for path in base.iterdir()
            if path.name.isdecimal()
            and int(path.name) <= _LARGEST
            and path.is_dir()
        }

    def select(self, found: Mapping[int, pathlib.Path]) -> set[int]:
        """Returns which of the versions found are to be served."""
        if self.specific is not None:
            return set(self.specific & set(found))
        ordered = sorted(found, reverse=True)
        return set(ordered[: int(min(self.latest, len(ordered)))])


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Settings of a server.

    Attributes:
        host: Address to bind.
        port: Port of gRPC; 0 for any free one.
        rest_port: Port of HTTP; 0 for any free one, `None` for none.
        running: Number of requests that run at the same time.
        queued: Largest number of waiting requests; more are refused.
        threads: Number of threads of an operation; 0 for one on each core.
        max_bytes: Largest size of a request, in bytes.
        rest_timeout: Time limit of a request by HTTP, in seconds; gRPC
            requests have their own.
        grace: Time to finish requests when the server stops, in seconds.
        tensor_content: Whether arrays are sent as bytes, not value by value.
        metrics_path: Path of the metrics on the HTTP server; `None` for none.
        ssl: `SSLConfig` for gRPC, or `None`.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    rest_port: int | None = 8501
    running: int = 2
    queued: int = 64
    threads: int = 0
    max_bytes: int = 64 * 2**20
    rest_timeout: float = 30.0
    grace: float = 30.0
    tensor_content: bool = False
    metrics_path: str | None = _METRICS
    ssl: Any = None

    def address(self, port: int) -> str:
        """Returns host and port, joined by a colon."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"


def read(path: str | os.PathLike[str], message: str) -> Any:
    """Parses a file as one of the messages in the table above.

    Raises:
        ValueError: It is not such a message; the error names the place.
    """
    try:
        text = pathlib.Path(path).read_text("utf-8")
        return text_format.Parse(text, _CLASSES[message]())
    except (UnicodeDecodeError, text_format.ParseError) as error:
        raise ValueError(
            f"'{os.fspath(path)}' is not a {message} in text format: {error}"
        ) from error


def read_ssl(path: str | os.PathLike[str]) -> Any:
    """Reads the `SSLConfig` of a --ssl_config_file.

    Raises:
        ValueError: It is not one, or does not hold the texts of PEM files.
    """
    config = read(path, "SSLConfig")
    for name in ("server_key", "server_cert", "custom_ca"):
        text = getattr(config, name)
        if "-----BEGIN " not in text and (text or name != "custom_ca"):
            raise ValueError(
                f"'{os.fspath(path)}': {name} must be the text of a PEM file, "
                "not its name; serving/ssl_config.sh writes it."
            )
    return config


def read_metrics_path(path: str | os.PathLike[str]) -> str | None:
    """Reads the path of a --monitoring_config_file; `None` for no metrics.

    Raises:
        ValueError: It is not one, or the path cannot be served.
    """
    config = read(path, "MonitoringConfig").prometheus_config
    if not config.enable:
        return None
    found = config.path or _METRICS
    if not re.fullmatch("/[^{}]+", found):
        raise ValueError(
            f"'{os.fspath(path)}': path must be one below /, without braces, "
            f"such as {_METRICS}. Received: '{found}'"
        )
    return found


def read_models(path: str | os.PathLike[str]) -> list[ModelConfig]:
    """Reads the models of a --model_config_file.

    Raises:
        ValueError: The file is wrong, a model has no name or path, or two have
            the same name.
    """
    parsed = read(path, "ModelServerConfig").model_config_list.config
    models = [_model(path, item) for item in parsed]
    names = [model.name for model in models]
    if not names or len(names) != len(set(names)):
        raise ValueError(
            f"'{os.fspath(path)}' must have at least one model and no name "
            f"twice. Received: {names}"
        )
    return models


def _model(path: str | os.PathLike[str], item: Message) -> ModelConfig:
    if not item.name or not item.base_path:
        raise ValueError(
            f"'{os.fspath(path)}': each config needs a name and a base_path. "
            f"Received: name='{item.name}', base_path='{item.base_path}'"
        )
    if item.model_platform not in ("", "tensorflow"):
        raise ValueError(
            f"'{os.fspath(path)}': model_platform must be \"tensorflow\". "
            f"Received: '{item.model_platform}'"
        )
    policy = item.model_version_policy
    latest: float = policy.latest.num_versions or 1
    specific = None
    if policy.HasField("all"):
        latest = float("inf")
    elif policy.HasField("specific"):
        specific = frozenset(policy.specific.versions)
    return ModelConfig(
        name=item.name,
        base_path=item.base_path,
        latest=latest,
        specific=specific,
        labels=dict(item.version_labels),
    )
