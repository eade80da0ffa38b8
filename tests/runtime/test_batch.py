import threading

import pytest
import tensorflow as tf

from tfstyle.runtime import batch


def test_outcomes_come_in_order_with_what_failed():
    written = []

    def read(job):
        if job == 2:
            raise OSError("unreadable")
        return 10 * job

    def make(job, given):
        if job == 3:
            raise ValueError("too small")
        if job == 4:
            raise tf.errors.ResourceExhaustedError(None, None, "too large")
        return given + 1

    def write(job, made):
        written.append((job, made))
        return 100 * job

    outcomes = batch.process(range(6), read, make, write)
    found = [(job, done, error and str(error)) for job, done, error in outcomes]
    assert found == [
        (0, 0, None),
        (1, 100, None),
        (2, None, "unreadable"),
        (3, None, "too small"),
        (4, None, "too large"),
        (5, 500, None),
    ]
    assert written == [(0, 1), (1, 11), (5, 51)]


def test_reading_and_writing_have_threads_of_their_own():
    threads = {"read": set(), "make": set(), "write": set()}

    def note(kind):
        threads[kind].add(threading.get_ident())

    list(
        batch.process(
            range(8),
            lambda job: note("read"),
            lambda job, given: note("make"),
            lambda job, made: note("write"),
        )
    )
    assert threads["make"] == {threading.get_ident()}
    assert not threads["make"] & (threads["read"] | threads["write"])


def test_few_are_held_at_a_time():
    begun, ended, most = set(), set(), 0

    def read(job):
        nonlocal most
        begun.add(job)
        most = max(most, len(begun - ended))

    outcomes = batch.process(
        range(50), read, lambda job, given: None, lambda job, made: None
    )
    for job, _, _ in outcomes:
        ended.add(job)
    assert most <= 3 * batch._AHEAD


def test_what_writing_raises_ends_the_work():
    begun = []

    def write(job, made):
        raise OSError("no space")

    outcomes = batch.process(
        range(50), begun.append, lambda job, given: None, write
    )
    with pytest.raises(OSError, match="no space"):
        list(outcomes)
    assert len(begun) < 10
