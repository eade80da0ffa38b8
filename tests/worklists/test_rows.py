import pytest

from tfstyle.worklists.rows import Row, Shard, cut, name_of

ROWS = [Row(f"{i}.png", f"{i}.png") for i in range(7)]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_shards_are_the_rows_in_their_order(size):
    shards = [*cut(ROWS, size)]
    assert [row for shard in shards for row in shard.rows] == ROWS
    assert all(len(shard.rows) == size for shard in shards[:-1])


def test_nothing_is_cut_before_it_is_taken():
    taken = []

    def rows():
        for row in ROWS:
            taken.append(row)
            yield row

    shards = cut(rows(), 2)
    next(shards)
    assert taken == ROWS[:2]


@pytest.mark.parametrize(
    "other",
    [
        Row("b.png", "a.png"),
        Row("a.png", "b.png"),
        Row("a.png", "a.png", ("wave.png",)),
        Row("a.png", "a.png", (), {"strength": 0.5}),
    ],
)
def test_the_key_of_a_shard_tells_its_rows_apart(other):
    row = Row("a.png", "a.png")
    assert Shard((row,)).key == Shard((Row("a.png", "a.png"),)).key
    assert Shard((row,)).key != Shard((other,)).key
    assert Shard((row, other)).key != Shard((other, row)).key


def test_names_tell_rows_apart():
    rows = [
        ("a.png", (), {}),
        ("b.png", (), {}),
        ("a.png", ("b",), {}),
        ("a.png", (), {"size": 3}),
    ]
    assert len({name_of(*row) for row in rows}) == len(rows)
    assert name_of(*rows[0]) == name_of("a.png", [], {})
