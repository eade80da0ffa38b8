from tfstyle.judging import medians

ROWS = [
    {"content": "a", "size": 64, "photo": {"style": 1.0}},
    {"content": "b", "size": 64, "photo": {"style": 2.0}, "x": {"style": 7.0}},
    {"content": "a", "size": 96, "photo": {"style": 9.000001}},
]


def test_sizes_are_not_mixed():
    assert medians.by_size(ROWS) == {
        64: {
            "photo": {"pairs": 2, "style": 1.5},
            "x": {"pairs": 1, "style": 7.0},
        },
        96: {"photo": {"pairs": 1, "style": 9.0}},
    }


def test_the_table_has_a_row_for_each_size_and_picture():
    assert medians.table(medians.by_size(ROWS)).splitlines() == [
        "| picture | size | pairs | style |",
        "| --- | --- | --- | --- |",
        "| photo | 64 | 2 | 1.5 |",
        "| x | 64 | 1 | 7 |",
        "| photo | 96 | 1 | 9 |",
    ]
