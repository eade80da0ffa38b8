import threading
import time

from serving import load
from serving.style_client import ServingError


def test_closed_loop_asks_again_when_there_is_an_answer():
    now, most, lock = [0], [], threading.Lock()
    together = threading.Barrier(3)

    def call(index):
        with lock:
            now[0] += 1
            most.append(now[0])
        if index < 3:
            together.wait(600)
        time.sleep(0.02)
        with lock:
            now[0] -= 1

    result = load.closed_loop(call, clients=3, seconds=0.4)
    assert max(most) == 3
    assert result.percentile(0) >= 0.02
    # 3 * 0.4 / 0.02 at best, and what has begun; a busy machine makes fewer.
    assert 3 <= len(result.latencies) <= 63
    assert result.throughput < 155
    assert result.errors == {}


def test_each_client_asks_once_at_least():
    assert len(load.closed_loop(lambda _: None, 4, seconds=0).latencies) == 4


def test_open_loop_asks_whether_there_are_answers_or_not():
    together = threading.Barrier(25)

    result = load.open_loop(lambda _: together.wait(600), 50, 0.5)
    assert len(result.latencies) == 25
    assert result.seconds > 0.25  # Times are random, 0.5 s on average.


def test_times_count_from_when_a_request_was_due():
    result = load.open_loop(lambda _: time.sleep(0.05), 100, 0.2, most=1)
    # 20 requests, one at a time: the last one waits for the others.
    assert result.percentile(100) > 0.6


def test_errors_are_counted_and_no_latencies():
    def call(index):
        if index % 2:
            raise ServingError("UNAVAILABLE", "No.")
        time.sleep(0.001)

    result = load.closed_loop(call, 1, 0.1)
    assert abs(result.errors.get("UNAVAILABLE", 0) - len(result.latencies)) <= 1
