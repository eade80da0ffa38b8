"""Reading ahead and writing behind."""

import threading

import pytest

from tfstyle.clips import overlap

PATIENCE = 60


def test_items_come_in_order_and_errors_in_their_place():
    def items():
        yield from range(5)
        raise OSError("no more")

    found = []
    with pytest.raises(OSError, match="no more"):
        for item in overlap.ahead(items()):
            found.append(item)
    assert found == [*range(5)]


def test_only_a_few_are_read_early():
    begun = []

    def items():
        for i in range(100):
            begun.append(i)
            yield i

    rest = overlap.ahead(items(), 2)
    assert next(rest) == 0
    rest.close()
    assert len(begun) <= 4


def test_few_wait_to_be_written():
    done, go = [], threading.Event()

    def write(item):
        assert go.wait(PATIENCE)
        done.append(item)

    with overlap.Behind(write, 2) as behind:
        for i in range(3):
            behind.put(i)
        assert done == []
        go.set()
    assert done == [0, 1, 2]


def test_what_was_handed_over_is_written_though_the_block_fails():
    done, go = [], threading.Event()

    def write(item):
        assert go.wait(PATIENCE)
        done.append(item)

    with pytest.raises(ValueError, match="damaged"):
        with overlap.Behind(write, 2) as behind:
            behind.put(0)
            behind.put(1)
            go.set()
            raise ValueError("damaged")
    assert done == [0, 1]


def test_an_error_of_writing_is_raised():
    def write(item):
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        with overlap.Behind(write, 1) as behind:
            for i in range(10):
                behind.put(i)


def test_nothing_is_written_after_an_error():
    done, go = [], threading.Event()

    def write(item):
        assert go.wait(PATIENCE)
        if item == 1:
            raise OSError("full")
        done.append(item)

    with pytest.raises(OSError, match="full"):
        with overlap.Behind(write, 4) as behind:
            for i in range(4):
                behind.put(i)
            go.set()
    assert done == [0]


def test_an_error_of_writing_is_raised_though_the_block_fails():
    def write(item):
        raise OSError("full")

    with pytest.raises(OSError, match="full") as caught:
        with overlap.Behind(write, 4) as behind:
            behind.put(0)
            raise ValueError("damaged")
    assert isinstance(caught.value.__context__, ValueError)
