import math
import pathlib

import pytest

import serving
from serving.server.config import (
    ModelConfig,
    ServerConfig,
    read,
    read_metrics_path,
    read_models,
    read_ssl,
)

SERVING = pathlib.Path(serving.__file__).parent


def models(tmp_path, text):
    path = tmp_path / "models.config"
    path.write_text(f"model_config_list {{ {text} }}")
    return read_models(path)


def test_policies_and_labels(tmp_path):
    newest, two, every, some = models(
        tmp_path,
        """
        config { name: "a" base_path: "/a" model_platform: "tensorflow" }
        config { name: "b" base_path: "/b"
          model_version_policy { latest { num_versions: 2 } } }
        config { name: "c" base_path: "/c" model_version_policy { all {} } }
        config { name: "d" base_path: "/d"
          model_version_policy { specific { versions: 1 versions: 3 } }
          version_labels { key: "stable" value: 1 }
          version_labels { key: "canary" value: 3 } }
        """,
    )
    found = {number: pathlib.Path(f"/x/{number}") for number in (1, 2, 3, 10)}
    assert newest.select(found) == {10}
    assert two.select(found) == {3, 10}
    assert every.latest == math.inf and every.select(found) == set(found)
    assert some.select(found) == {1, 3} and some.select({}) == set()
    assert some.labels == {"stable": 1, "canary": 3}


def test_versions_are_what_a_message_can_name(tmp_path):
    largest = 2**63 - 1
    for name in ("1", "v2", str(largest), str(largest + 1)):
        (tmp_path / name).mkdir()
    (tmp_path / "3").touch()
    config = ModelConfig(name="a", base_path=str(tmp_path))
    assert set(config.find()) == {1, largest}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('server_key: "a.key" server_cert: "a.crt"', "server_key must be the"),
        ("", "server_key must be the text of a PEM file, not its name"),
    ],
)
def test_certificates_are_texts(text, problem, tmp_path):
    path = tmp_path / "ssl.config"
    path.write_text(text)
    with pytest.raises(ValueError, match=problem):
        read_ssl(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ('path: "/metrics"', None),
        ("enable: true", ServerConfig.metrics_path),
        ('enable: true path: "/metrics"', "/metrics"),
    ],
)
def test_metrics_are_off_or_have_a_path(text, expected, tmp_path):
    path = tmp_path / "monitoring.config"
    path.write_text(f"prometheus_config {{ {text} }}")
    assert read_metrics_path(path) == expected


@pytest.mark.parametrize("wrong", ["/", "metrics", "/{x", "/{x}"])
def test_a_path_of_metrics_that_cannot_be_served(wrong, tmp_path):
    path = tmp_path / "monitoring.config"
    path.write_text(f'prometheus_config {{ enable: true path: "{wrong}" }}')
    problem = f"monitoring.config': path must be one .* Received: '{wrong}'"
    with pytest.raises(ValueError, match=problem):
        read_metrics_path(path)


@pytest.mark.parametrize(
    ("host", "address"), [("::1", "[::1]:5"), ("a", "a:5")]
)
def test_addresses(host, address):
    assert ServerConfig(host=host).address(5) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", r"Received: \[\]"),
        ('config { name: "a" }', "needs a name and a base_path"),
        (
            'config { name: "a" base_path: "/a" }' * 2,
            r"no name twice. Received: \['a', 'a'\]",
        ),
        (
            'config { name: "a" base_path: "/" model_platform: "torch" }',
            "Received: 'torch'",
        ),
        ("config { name: 5 }", "is not a ModelServerConfig in text format"),
    ],
)
def test_files_that_are_wrong(text, problem, tmp_path):
    with pytest.raises(ValueError, match=problem):
        models(tmp_path, text)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "models.config"
    path.write_text("# für Gemälde", "latin-1")
    problem = "models.config' is not a ModelServerConfig in text format: 'utf-8"
    with pytest.raises(ValueError, match=problem):
        read_models(path)


def test_files_of_the_folder():
    (model,) = read_models(SERVING / "models.config")
    assert model.name == "style"
    assert set(model.labels) == {"stable", "canary"}
    assert set(model.labels.values()) <= model.specific
    monitoring = read(SERVING / "monitoring.config", "MonitoringConfig")
    default = ServerConfig.metrics_path
    assert monitoring.prometheus_config.path == default
    batching = read(SERVING / "batching.config", "BatchingParameters")
    sizes = list(batching.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    # TensorFlow Serving does not start otherwise.
    assert sizes[-1] == batching.max_batch_size.value
    assert not batching.pad_variable_length_inputs


def test_tensorflow_servings_own_messages_read_the_models():
    config = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="needs pip install --no-deps tensorflow-serving-api",
    )
    from google.protobuf import text_format

    text = (SERVING / "models.config").read_text()
    parsed = text_format.Parse(text, config.ModelServerConfig())
    (model,) = parsed.model_config_list.config
    assert model.base_path == "/models/style"
