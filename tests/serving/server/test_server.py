import threading

import requests

import helpers
from serving.style_client import ServingError, StyleClient
from serving_server import Running, wait_for

PHOTO = helpers.image(8, 8)


def test_without_rest(tiny_model):
    running = Running(tiny_model, rest_port=None)
    try:
        assert running.server.rest_port is None
        with StyleClient(running.grpc) as client:
            assert client.stylize(PHOTO, PHOTO).shape == PHOTO.shape
    finally:
        running.close()


def test_without_metrics(tiny_model):
    running = Running(tiny_model, metrics_path=None)
    url = f"{running.rest}/monitoring/prometheus/metrics"
    status = requests.get(url).status_code
    running.close()
    assert status == 404


def test_stopping_finishes_what_waits_and_refuses_the_rest(tiny_model):
    running = Running(tiny_model, running=1)
    outcomes, began = [], threading.Semaphore(0)
    slow = running.server._scheduler

    def ask():
        with StyleClient(running.grpc, attempts=1) as client:
            began.release()
            try:
                client.stylize(PHOTO, PHOTO)
                outcomes.append("OK")
            except ServingError as error:
                outcomes.append(error.code)

    block = threading.Event()
    running._loop.call_soon_threadsafe(
        lambda: running._loop.create_task(
            slow.run(lambda _: block.wait(20), None)
        )
    )
    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: slow.waiting == 3)
    closing = threading.Thread(target=running.close)
    closing.start()
    wait_for(lambda: running.server._grpc._stopping)
    late = threading.Thread(target=ask)
    late.start()
    late.join()
    assert outcomes == ["UNAVAILABLE"]
    block.set()
    for thread in [*threads, closing]:
        thread.join()
    assert outcomes[1:] == ["OK"] * 3


def _connects(running):
    try:
        return bool(requests.get(running.rest))
    except requests.ConnectionError:
        return False


def test_rest_requests_are_finished_too(tiny_model):
    running = Running(tiny_model, running=1)
    block, statuses = threading.Event(), []

    def ask():
        body = {
            "signature_name": "embed_style",
            "instances": [PHOTO.tolist()],
        }
        url = f"{running.rest}/v1/models/style:predict"
        statuses.append(requests.post(url, json=body).status_code)

    running._loop.call_soon_threadsafe(
        lambda: running._loop.create_task(
            running.server._scheduler.run(lambda _: block.wait(20), None)
        )
    )
    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: running.server._scheduler.waiting == 1)
    closing = threading.Thread(target=running.close)
    closing.start()
    wait_for(lambda: not _connects(running))
    block.set()
    thread.join()
    closing.join()
    assert statuses == [200]
