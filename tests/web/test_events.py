"""Messages to open pages: the newest of each kind, from any thread."""

import asyncio
import json

from tfstyle.web.events import Events, _Reader


def test_a_slow_page_gets_the_newest_of_each_kind_and_id():
    async def read():
        reader = _Reader()
        for i in range(100):
            reader.put(("frame", "a"), f"frame {i};")
            reader.put(("frame", "b"), f"other {i};")
        return await reader.next()

    assert asyncio.run(read()) == "frame 99;other 99;"


def test_messages_of_other_threads_come_in_their_order():
    async def read():
        events, reader = Events(), _Reader()
        events.publish("job", "a", 0)  # Nobody listens yet.
        events.start()
        events._readers.add(reader)
        await asyncio.to_thread(events.publish, "job", "a", {"n": "ä\n\n"})
        await asyncio.to_thread(events.publish, "job", "b", 2)
        return await reader.next()

    first, second, end = asyncio.run(read()).split("\n\n")
    assert end == ""
    assert [line.split(": ")[0] for line in first.split("\n")] == [
        "event",
        "data",
    ]
    assert json.loads(first.partition("data: ")[2]) == {"n": "ä\n\n"}
    assert second == "event: job\ndata: 2"
