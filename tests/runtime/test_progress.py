import contextlib
import dataclasses
import errno
import io
import json
import pathlib

import numpy as np
import pytest

from tfstyle.runtime import progress

FIRST = progress.Progress(
    size=64,
    height=48,
    width=64,
    step=10,
    steps=30,
    done=10.0,
    total=100.0,
    losses={"total": 1.23456, "content": 0.5, "style/block1_conv1": 7.0},
    seconds=5.0,
    memory=1000,
)
SECOND = dataclasses.replace(FIRST, step=20, done=20.0, seconds=7.5)


def picture():
    raise AssertionError("Drawing and writing need no picture.")


def values(made):
    """All but what would have to be computed."""
    everything = dataclasses.asdict(made)
    del everything["gradients"]
    return everything


class Terminal(io.StringIO):
    def isatty(self):
        return True


def draw(*values, stream=None):
    """What a bar writes, as lines; to a terminal by default."""
    stream = stream or Terminal()
    with contextlib.redirect_stderr(stream), progress.Bar() as bar:
        for value in values:
            assert not bar(value, picture)
    return stream.getvalue().replace("\r", "\n").split("\n")[1:-1]


def test_progress_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FIRST.step = 11


def test_bar_shows_size_step_and_main_losses():
    line = draw(FIRST, SECOND)[-1]
    assert line.startswith("64x48 20/30  20%")
    assert "total 1.23, content 0.5" in line
    assert "block1_conv1" not in line


def test_bar_shows_the_speed_at_this_size():
    assert " 4 steps/s" in draw(FIRST, SECOND)[-1]  # Ten steps in 2.5 s.
    larger = dataclasses.replace(SECOND, size=128, step=1, seconds=9.0)
    assert "steps/s" not in draw(FIRST, SECOND, larger)[-1]


@pytest.mark.parametrize(
    ("step", "steps", "changes", "expected"),
    [
        (10, 30, {"step": 11, "done": 11.0}, False),
        (10, 30, {"done": 10.5}, False),  # A part of a step.
        (10, 30, {"step": 0}, True),
        (10, 30, {"size": 128}, True),
        (10, 10, {"losses": {}}, False),  # Said once more.
        (1, 1, {"done": 11.0}, True),  # Another picture of one step.
    ],
)
def test_sizes_and_pictures_are_told_apart(step, steps, changes, expected):
    last = dataclasses.replace(FIRST, step=step, steps=steps)
    following = dataclasses.replace(last, **changes)
    assert progress.begins(last, following) == expected


def test_bar_shows_the_time_since_the_run_began():
    assert "00:05<" in draw(FIRST, SECOND)[-1]


def test_bar_does_not_count_work_of_before_as_speed():
    # A run that is resumed at 90 % in its first second is not nearly done.
    resumed = dataclasses.replace(FIRST, done=90.0)
    assert "<?" in draw(resumed)[-1]


def test_bar_of_a_log_file_has_few_lines():
    values = [dataclasses.replace(FIRST, done=float(n)) for n in range(100)]
    lines = draw(*values, stream=io.StringIO())
    assert len(lines) <= 3
    assert " 99%" in lines[-1]


def test_bar_that_was_never_called_draws_nothing():
    assert draw() == []


def test_trace_writes_every_term(tmp_path):
    path = tmp_path / "run.jsonl"
    with progress.Trace(path) as trace:
        assert not trace(FIRST, picture)
        # In the file now, not when the run ends.
        assert json.loads(path.read_text()) == values(FIRST)


def test_a_run_that_never_began_keeps_an_older_trace(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("old")
    with progress.Trace(path):
        pass
    assert path.read_text() == "old"


def test_trace_goes_on_when_resumed(tmp_path):
    path = tmp_path / "run.jsonl"
    for resume, value in [(False, FIRST), (False, FIRST), (True, SECOND)]:
        with progress.Trace(path, resume=resume) as trace:
            trace(value, picture)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [10, 20]


def test_trace_drops_what_a_killed_run_did_after_its_checkpoint(tmp_path):
    path = tmp_path / "run.jsonl"

    def write(resume, steps):
        with progress.Trace(path, resume=resume) as trace:
            for step, losses in steps:
                made = dataclasses.replace(
                    FIRST, step=step, done=float(step), losses=losses
                )
                trace(made, picture)

    write(False, [(10, {"total": 4.0}), (20, {"total": 3.0})])
    with path.open("a") as file:
        file.write('{"size": 256, "do')  # Killed in the middle of a line.
    write(True, [(18, {}), (19, {}), (20, {"total": 3.5})])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = [(line["step"], line["losses"]["total"]) for line in lines]
    assert found == [(10, 4.0), (20, 3.5)]


@pytest.mark.parametrize("content", [b"{}\n", b"notes\n", b"\xff\n", b"3\n"])
def test_trace_goes_on_with_traces_alone(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"notes.txt' is not a trace"):
        progress.Trace(path, resume=True)
    assert path.read_bytes() == content


def test_trace_takes_the_numbers_of_numpy(tmp_path):
    path = tmp_path / "run.jsonl"
    losses = {"total": np.float32(0.5)}
    with progress.Trace(path) as trace:
        trace(dataclasses.replace(FIRST, losses=losses), picture)
    assert json.loads(path.read_text())["losses"] == {"total": 0.5}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [((None, False), False), ((True, None), True), ((), False)],
)
def test_all_of_calls_each_and_ends_if_one_does(answers, expected):
    calls = []

    def callback(answer):
        def on_step(value, picture):
            calls.append((value, picture))
            return answer

        return on_step

    on_step = progress.all_of(*map(callback, answers))
    assert on_step(FIRST, picture) is expected
    assert calls == [(FIRST, picture)] * len(answers)


@pytest.mark.skipif(
    not pathlib.Path("/dev/full").exists(), reason="needs Linux' /dev/full"
)
def test_a_full_disk_ends_the_trace_and_not_the_run():
    with progress.Trace("/dev/full") as trace:
        trace(FIRST, picture)
        trace(FIRST, picture)
    assert trace.error.errno == errno.ENOSPC
    assert trace.error.filename == "/dev/full"
