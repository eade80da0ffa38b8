import dataclasses

import pytest

from tfstyle.runtime.progress import Progress
from tfstyle.training.table import Table

FIRST = Progress(
    size=64,
    height=64,
    width=64,
    step=10,
    steps=30,
    done=10.0,
    total=30.0,
    losses={"loss": 0.5},
    seconds=5.0,
    memory=1000,
)


def picture():
    raise AssertionError("Writing needs no picture.")


def test_a_table_is_kept_until_the_run_begins(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,gram\n10,0.5\n")
    with Table(path, ["loss"]):
        pass
    assert path.read_text() == "step,gram\n10,0.5\n"


def test_a_table_leaves_out_rows_that_a_crash_has_damaged(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,seconds,memory,loss\n10,1.0,5,0.5\n\0\0,,\n")
    with Table(path, ["loss"], 20) as table:
        table(dataclasses.replace(FIRST, losses={}), picture)
    assert path.read_text() == "step,seconds,memory,loss\n10,1.0,5,0.5\n"


def test_a_table_drops_the_steps_that_are_taken_again(tmp_path):
    path = tmp_path / "log.csv"

    def write(steps, resume):
        with Table(path, ["loss"], resume) as table:
            for step in steps:
                losses = {"loss": step / 2}
                made = dataclasses.replace(FIRST, step=step, losses=losses)
                table(made, picture)

    write([10, 20, 30], 0)
    write([30, 40], 20)
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [
        ("step", "loss"),
        ("10", "5"),
        ("20", "10"),
        ("30", "15"),
        ("40", "20"),
    ]
    write([10], 0)
    assert path.read_text().count("\n") == 2


@pytest.mark.parametrize(
    "text",
    [
        "step;seconds;memory;loss\n10;1.0;5;0.5\n",
        "\ufeffstep,seconds,memory,loss\n10,1.0,5,0.5\n",
        "step,seconds,memory,loss,gram\n10,1.0,5,0.5,3\n",
        "step,seconds,memory,loss\n10,1.0,5,0,5\n",
        b"\xff\xfes\0t\0",
    ],
)
def test_a_table_that_was_edited_is_named_and_kept(tmp_path, text):
    path = tmp_path / "log.csv"
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(data)
    with pytest.raises(ValueError, match="log.csv' is not .*Move it away"):
        Table(path, ["loss"], 20)
    assert path.read_bytes() == data
