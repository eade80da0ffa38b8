"""The files for Docker, Kubernetes and TLS, as far as they can be read."""

import pathlib
import re
import shutil
import subprocess

import grpc
import pytest
import yaml

import serving
from image_bytes import PNG
from serving.server.config import ServerConfig, read, read_models
from serving.style_client import ServingError, StyleClient
from serving_server import Running

FOLDER = pathlib.Path(serving.__file__).parent
# Of tensorflow_model_server 2.20; the dev server has the first ones, too.
KNOWN_FLAGS = {
    "port",
    "rest_api_port",
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "monitoring_config_file",
    "enable_serialization_as_tensor_content",
    "allow_version_labels_for_unavailable_models",
    "enable_grpc_healthcheck_service",
    "grpc_channel_arguments",
}


def names(arguments):
    return {a.removeprefix("--").split("=")[0] for a in arguments}


def test_compose():
    compose = yaml.safe_load((FOLDER / "docker-compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"cpu", "gpu", "prometheus"}
    for name in ("cpu", "gpu"):
        service = services[name]
        assert service["profiles"] == [name]
        assert service["image"].startswith("tensorflow/serving:${TFS_TAG:-")
        assert names(service["command"]) <= KNOWN_FLAGS
        mounted = {}
        for volume in service["volumes"]:
            source, target, mode = volume.split(":")
            assert mode == "ro"
            mounted[target] = FOLDER / source
        for argument in service["command"]:
            if "_file=" in argument:
                assert mounted[argument.split("=")[1]].exists(), argument
        assert all(p.startswith("127.0.0.1:") for p in service["ports"])
    assert services["gpu"]["image"].endswith("-gpu")


def test_prometheus_asks_where_the_metrics_are():
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == ServerConfig.metrics_path
    assert job["static_configs"][0]["targets"] == [
        "cpu:8501",
        "gpu:8501",
    ]


def test_kubernetes(tmp_path):
    documents = {
        document["kind"]: document
        for document in yaml.safe_load_all((FOLDER / "k8s.yaml").read_text())
    }
    assert set(documents) == {
        "ConfigMap",
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
    }
    pod = documents["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert names(container["args"]) <= KNOWN_FLAGS
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    selector = documents["Service"]["spec"]["selector"]
    assert selector.items() <= pod["metadata"]["labels"].items()
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert "memory" in container["resources"]["limits"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {m["name"] for m in container["volumeMounts"]} == volumes
    target = documents["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == documents["Deployment"]["metadata"]["name"]
    for name, text in documents["ConfigMap"]["data"].items():
        (tmp_path / name).write_text(text)
    (model,) = read_models(tmp_path / "models.config")
    assert model.name == "style"
    monitoring = read(tmp_path / "monitoring.config", "MonitoringConfig")
    assert monitoring.prometheus_config.enable


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A function to the path of localhost's key or certificate."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", folder / "key", "-out", folder / "crt"),
            *("-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(mutual, certificates, tiny_model, tmp_path):
    key, crt = certificates / "key", certificates / "crt"
    words = [FOLDER / "ssl_config.sh", key, crt, *([crt] if mutual else [])]
    written = subprocess.run(words, check=True, capture_output=True).stdout
    path = tmp_path / "ssl.config"
    path.write_bytes(written)
    ssl = read(path, "SSLConfig")
    assert ssl.server_key == key.read_text()
    assert ssl.client_verify == mutual
    running = Running(tiny_model, ssl=ssl)
    own = (key.read_bytes(), crt.read_bytes())
    trusted = crt.read_bytes()
    try:
        for credentials, fine in [
            (grpc.ssl_channel_credentials(trusted, *own), True),
            (grpc.ssl_channel_credentials(trusted), not mutual),
            (grpc.ssl_channel_credentials(), False),
            (None, False),
        ]:
            with StyleClient(
                running.grpc, attempts=1, timeout=20, credentials=credentials
            ) as client:
                if fine:
                    assert client.stylize(PNG, PNG)
                    continue
                with pytest.raises(ServingError) as caught:
                    client.stylize(PNG, PNG)
                assert caught.value.code == "UNAVAILABLE"
    finally:
        running.close()


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_serve_exports_and_serves(tmp_path):
    process = subprocess.run(
        ["make", "-n", "serve", "SERVE_FLAGS=--port=9000"],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
    )
    lines = process.stdout.replace("\\\n", " ").splitlines()
    export, serve = (
        next(line.split() for line in lines if f"-m {module}" in line)
        for module in ("export.saved_model", "serving.dev_server")
    )
    assert "--output=models/style" in export
    assert "--model_base_path=models/style" in serve
    assert serve[-1] == "--port=9000"


def test_ssl_script_says_how_it_is_called():
    process = subprocess.run(
        [FOLDER / "ssl_config.sh"], capture_output=True, text=True
    )
    assert process.returncode == 2
    assert re.match("usage: .* KEY CERTIFICATE", process.stderr)
