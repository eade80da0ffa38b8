import requests

from serving.server.metrics import Metrics


def test_names_are_those_of_tensorflow_serving():
    metrics = Metrics(lambda: 3)
    metrics.request("style", "OK", "GRPC", 0.5)
    metrics.request("style", "OK", "REST", 0.25)
    metrics.runtime("style", 0.2)
    lines = metrics.text().decode().splitlines()
    prefix = ":tensorflow:serving:"
    assert f'{prefix}request_count{{model_name="style",status="OK"}} 2.0' in (
        lines
    )
    labels = '{API="Predict",entrypoint="GRPC",model_name="style"}'
    assert f"{prefix}request_latency_sum{labels} 500000.0" in lines
    labels = '{API="Predict",model_name="style",runtime="TF1"}'
    assert f"{prefix}runtime_latency_count{labels} 1.0" in lines
    assert "dev_server_queued_requests 3.0" in lines


def test_unknown_models_do_not_fill_the_memory(server):
    for path in ("junk", "junk/labels/x", "style/versions/9"):
        url = f"{server.rest}/v1/models/{path}:predict"
        requests.post(url, json={"instances": [1]})
    text = requests.get(f"{server.rest}/monitoring/prometheus/metrics").text
    assert "junk" not in text
    for status in ("NOT_FOUND", "INVALID_ARGUMENT"):
        assert f'{{model_name="(unknown)",status="{status}"}}' in text
    assert '{model_name="style",status="NOT_FOUND"}' in text


def test_the_server_shows_them(server):
    url = f"{server.rest}/monitoring/prometheus/metrics"
    response = requests.get(url)
    assert response.headers["Content-Type"].startswith("text/plain")
    assert "process_resident_memory_bytes" in response.text
