import asyncio
import threading
import time

import pytest

from serving.server.errors import StatusError
from serving.server.scheduler import Scheduler


def test_runs_some_at_a_time_in_the_order_of_asking():
    running, most, order = [], [], []
    pair = threading.Barrier(2)

    def work(index):
        running.append(index)
        most.append(len(running))
        pair.wait(600)
        running.remove(index)
        order.append(index)

    async def main():
        scheduler = Scheduler(running=2, queued=8)
        await asyncio.gather(
            *(scheduler.run(lambda _, i=i: work(i), None) for i in range(8))
        )

    asyncio.run(main())
    assert max(most) == 2
    assert all(abs(index - place) <= 1 for place, index in enumerate(order))


def test_full_queue_refuses_at_once_and_recovers():
    async def main():
        scheduler, release = Scheduler(1, queued=2), threading.Event()
        tasks = [
            asyncio.create_task(scheduler.run(lambda _: release.wait(), None))
            for _ in range(3)
        ]
        while scheduler.waiting < 2:
            await asyncio.sleep(0)
        with pytest.raises(StatusError, match="2 requests are waiting") as e:
            await scheduler.run(lambda _: None, None)
        assert e.value.code == "RESOURCE_EXHAUSTED"
        assert not release.is_set()
        release.set()
        await asyncio.gather(*tasks)
        assert await scheduler.run(lambda _: "fine", None) == "fine"
        assert scheduler.waiting == 0

    asyncio.run(main())


def test_time_that_is_over_in_the_queue():
    async def main():
        scheduler, release = Scheduler(1, queued=2), threading.Event()
        first = asyncio.create_task(
            scheduler.run(lambda _: release.wait(), None)
        )
        await asyncio.sleep(0)
        calls = []
        with pytest.raises(StatusError, match="queue") as caught:
            await scheduler.run(calls.append, 0.05)
        assert caught.value.code == "DEADLINE_EXCEEDED"
        release.set()
        await first
        assert not calls and scheduler.waiting == 0

    asyncio.run(main())


def test_function_is_told_what_is_left():
    async def main():
        scheduler = Scheduler(1, 8)
        slow = asyncio.create_task(
            scheduler.run(lambda _: time.sleep(0.1), None)
        )
        await asyncio.sleep(0)
        assert 0 < await scheduler.run(lambda left: left, 600) < 599.95
        assert await scheduler.run(lambda left: left, None) is None
        await slow

    asyncio.run(main())


def test_cancelled_keeps_its_slot_until_the_function_ends():
    async def main():
        scheduler, release = Scheduler(1, queued=1), threading.Event()
        running = asyncio.create_task(
            scheduler.run(lambda _: release.wait(), None)
        )
        waiting = asyncio.create_task(scheduler.run(lambda _: None, None))
        while not scheduler.waiting:
            await asyncio.sleep(0)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        assert scheduler.waiting == 0
        with pytest.raises(StatusError, match="queue"):
            await scheduler.run(lambda _: None, 0.05)
        release.set()
        await scheduler.drain()
        assert await scheduler.run(lambda _: "free", 1) == "free"

    asyncio.run(main())


def test_errors_of_the_function_are_passed_on():
    async def main():
        scheduler = Scheduler(1, 1)
        with pytest.raises(ZeroDivisionError):
            await scheduler.run(lambda _: 1 / 0, None)
        assert await scheduler.run(lambda _: "next", None) == "next"

    asyncio.run(main())
