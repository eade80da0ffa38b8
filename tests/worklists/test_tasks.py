import pytest

from tfstyle.worklists.manifests import Entry
from tfstyle.worklists.rows import Row, Shard, cut
from tfstyle.worklists.slots import Slot
from tfstyle.worklists.tasks import Queue, Task, Whole

ROWS = tuple(Row(f"{i}.jpg", f"{i}.png") for i in range(4))


def entry(number, status="painted"):
    name = f"{number}.png"
    return Entry(content=f"{number}.jpg", output=name, status=status)


def take(queue, worker, alive="ab", new=True):
    task = queue.take(worker, {*alive}, new)
    return task and [row.output[0] for row in task.rows]


def test_what_is_tried_again_comes_first_and_from_another():
    queue = Queue(cut(ROWS, 2))
    lost = queue.take("a", {"a", "b"}, True)
    lost.avoided.add("a")
    queue.put(lost)
    assert take(queue, "a") == ["2", "3"]
    assert take(queue, "a") is None and queue
    assert take(queue, "b") == ["0", "1"]
    assert take(queue, "b") is None and not queue


def test_a_worker_alone_takes_what_it_lost():
    queue = Queue(iter(()))
    queue.put(Task(ROWS, Whole(Shard(ROWS)), {"a"}))
    assert take(queue, "a", "ab") is None
    assert take(queue, "a", "a") == [*"0123"]


def test_a_doubted_worker_gets_nothing_of_the_list():
    queue = Queue(cut(ROWS, 4))
    assert take(queue, "a", new=False) is None and queue
    assert take(queue, "b") == [*"0123"]


def test_rows_go_out_alone_but_for_those_told():
    whole = Whole(Shard(ROWS))
    assert [*whole.settle([entry(1)])] == [entry(1)]
    assert [*whole.settle([entry(1)])] == []
    parts = Task(ROWS, whole).alone()
    assert [part.rows[0].output[0] for part in parts] == [*"230"]
    assert all(part.is_part and not part.avoided for part in parts)


def test_the_manifest_of_a_parted_shard_is_in_its_order():
    whole = Whole(Shard(ROWS))
    [*whole.settle(entry(i) for i in (3, 1, 0))]
    Task(ROWS, whole).alone()
    assert whole.manifest() is None
    [*whole.settle([entry(2, "failed")])]
    assert whole.manifest() == [
        *map(entry, (0, 1)),
        entry(2, "failed"),
        entry(3),
    ]


def test_a_worker_writes_the_manifest_of_a_whole_shard():
    whole = Whole(Shard(ROWS))
    [*whole.settle(map(entry, range(4)))]
    assert whole.manifest() is None


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ("pppp", False),
        ("ffff", True),
        ("pfff", False),
        ("fffp", False),
        ("p" + 7 * "f", False),
        ("p" + 8 * "f", True),
        ("t" + 8 * "f" + "t", False),
    ],
)
def test_failures_without_a_picture_between_them_are_doubtful(
    statuses, expected
):
    names = {"p": "painted", "t": "there", "f": "failed"}
    slot, rows = Slot(), tuple(Row("a", str(i)) for i in range(len(statuses)))
    task = Task(rows, Whole(Shard(rows)))
    certain = [slot.hear(entry(i, names[s])) for i, s in enumerate(statuses)]
    assert certain == [status != "f" for status in statuses]
    assert slot.is_doubtful(task) == expected


def test_doubted_failures_go_to_another_worker():
    whole = Whole(Shard(ROWS))
    task = Task(ROWS, whole).doubts("a", [entry(1, "failed")])
    assert [row.output for row in task.rows] == ["1.png"]
    assert (task.avoided, task.doubted, task.is_part) == ({"a"}, "a", True)
    assert whole.parted


def test_a_picture_clears_a_worker():
    slot = Slot(faults=4, deaths=49)
    assert not slot.is_worn_out()
    slot.hear(entry(0, "there"))
    assert (slot.faults, slot.deaths) == (4, 49)
    slot.hear(entry(0))
    assert (slot.faults, slot.deaths) == (0, 0)
    assert Slot(faults=5).is_worn_out() and Slot(deaths=50).is_worn_out()
