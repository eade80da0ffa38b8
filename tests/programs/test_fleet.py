"""The program, in processes of its own, on Ray nodes of this machine."""

import json
import os
import re
import signal
import time

import pytest

import helpers
import programs
import ray_nodes
from documents import ROOT
from tfstyle import images

COUNT = 60


def command(content, output, **flags):
    given = {"content": content, "output": output, **flags}
    return programs.command("tfstyle.fleet", given)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A style, and photographs of several sizes, one of them damaged."""
    root = tmp_path_factory.mktemp("files")
    images.save(root / "style.png", helpers.image(64, 64, 99))
    photos = root / "photos"
    photos.mkdir()
    for i in range(COUNT):
        # Large enough to leave time for losses.
        photo = helpers.image(220 + 2 * i, 340 - 2 * i, i)
        images.save(photos / f"{i:02}.png", photo)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return root


@pytest.fixture(scope="module")
def expected(files):
    """Hashes of what one process paints, by name."""
    flags = {"content": files / "photos", "output": files / "expected"}
    flags["style"] = files / "style.png"
    done = programs.fork(programs.command("tfstyle.transfer", flags), ROOT)
    assert f"{COUNT} painted" in done.stdout, done.stderr
    found = hashes(files / "expected")
    assert len(found) == COUNT
    return found


@pytest.fixture(scope="module")
def ten(expected):
    """As `expected`, for the first ten photographs."""
    found = {name: x for name, x in expected.items() if name.startswith("0")}
    assert len(found) == 10
    return found


def hashes(folder):
    """Hash of each picture; drafts and half files would be among them."""
    found = programs.contents(folder)
    return {
        path.name: digest
        for path, digest in found.items()
        if path.suffix not in (".json", ".jsonl")
    }


def entries(folder):
    lines = [
        line
        for path in folder.glob("_manifest/shards/*/*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return [json.loads(line) for line in lines]


def summary(folder):
    return json.loads((folder / "_manifest" / "summary.json").read_text())


def pictures(folder):
    return {path.name for path in folder.glob("*.png")}


def painters(folder):
    return {entry["worker"] for entry in entries(folder)}


def wait_for(condition):
    """Until it is true of something; returns that."""
    last = time.monotonic() + programs.PATIENCE
    while not (found := condition()):
        assert time.monotonic() < last, "it does not happen"
        time.sleep(0.1)
    return found


def wait_for_pictures(process, folder, count, workers=0):
    """Until so many pictures are there, of so many workers."""
    last = time.monotonic() + programs.PATIENCE
    while len(pictures(folder)) < count or len(painters(folder)) < workers:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < last, "it paints nothing"
        time.sleep(0.02)


@pytest.fixture
def nodes():
    made = ray_nodes.Nodes(2)
    yield made
    made.close()


@pytest.fixture
def start():
    """Function that starts a run; all are killed at the end."""
    runs = []

    def started(words):
        runs.append(programs.start(words, ROOT))
        return runs[-1]

    yield started
    for run in runs:
        ray_nodes.kill(
            ray_nodes.processes(run.pid) if run.poll() is None else []
        )
        run.wait(programs.PATIENCE)


def test_a_worker_may_be_lost(files, ten, tmp_path, start):
    output = tmp_path / "painted"
    flags = {"style": files / "style.png", "workers": 1, "shard_size": 4}
    process = start(command(files / "photos/0*.png", output, **flags))
    wait_for_pictures(process, output, 3)
    worker, *_ = wait_for(lambda: ray_nodes.workers(process.pid))
    worker.kill()
    programs.end(process)
    assert (process.returncode, programs.said(process)) == (0, [])
    assert hashes(output) == ten
    assert sorted(e["output"] for e in entries(output)) == sorted(ten)
    numbers = {name.rpartition(":")[2] for name in painters(output)}
    assert numbers - {str(worker.pid)}  # Another one took its place.


# 77 s alone: it starts three nodes of Ray and paints the collection twice.
def test_workers_nodes_and_the_driver_may_be_lost(
    files, expected, tmp_path, nodes, start
):
    flags = {
        "style": files / "style.png",
        "cluster": nodes.address,
        "workers": 2,
        "shard_size": 4,
    }
    # A worker is killed, then a node is lost.
    output = tmp_path / "painted"
    process = start(command(files / "photos", output, **flags))
    wait_for_pictures(process, output, 10, workers=2)
    wait_for(nodes.workers)[0].kill()
    wait_for_pictures(process, output, 25)
    nodes.remove()
    programs.end(process)
    assert process.returncode == 1, process.stderr
    assert hashes(output) == expected
    assert len(painters(output)) >= 2
    outputs = [e["output"] for e in entries(output) if e["status"] != "failed"]
    assert sorted(outputs) == sorted(expected)
    (failed,) = (output / "_manifest/failures.jsonl").read_text().splitlines()
    assert json.loads(failed)["content"] == str(files / "photos/broken.jpg")
    assert "is damaged or incomplete" in json.loads(failed)["reason"]

    # The driver is killed; the same command paints only the rest.
    output = tmp_path / "again"
    words = command(files / "photos", output, **flags | {"workers": 1})
    process = start(words)
    wait_for_pictures(process, output, 20)
    process.kill()
    process.wait(programs.PATIENCE)
    wait_for(lambda: not nodes.workers())  # Ray ends what belonged to it.
    there = pictures(output)
    assert 20 <= len(there) < COUNT
    done = programs.call(words, ROOT)
    assert done.returncode == 1, done.stderr
    assert summary(output)["painted"] == COUNT - len(there)
    assert summary(output)["there"] == len(there)
    assert hashes(output) == expected


@pytest.mark.parametrize(
    ("number", "status"),
    [
        # Ray replaces the other handler, not this one: 12 s for the same.
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        (signal.SIGTERM, 143),
    ],
)
def test_signals_stop_and_keep_what_is_done(
    files, ten, tmp_path, start, number, status
):
    output = tmp_path / "painted"
    words = command(
        files / "photos", output, style=files / "style.png", workers=1
    )
    process = start(words)
    wait_for_pictures(process, output, 5)
    process.send_signal(number)
    programs.end(process)
    assert process.returncode == status, process.stderr
    assert "Traceback" not in process.stderr
    found = hashes(output)
    assert summary(output)["painted"] <= len(found) < COUNT
    first = {name for name in found if name in ten}
    assert first and all(found[name] == ten[name] for name in first)


def estimate(content, output, **flags):
    return programs.fork(
        command(content, output, dry_run="true", **flags), ROOT
    )


def test_an_estimate_writes_nothing(files, tmp_path):
    output, style = tmp_path / "painted", files / "style.png"
    flags = {"style": style, "size": 48, "workers": 3}
    done = estimate(files / "photos/*.png", output, **flags)
    assert done.returncode == 0, done.stderr
    found = re.match(
        rf"{COUNT} pictures: about .* with 3 workers once started, ([\d.]+) kB"
        r"\. Each takes ([\d.]+) s and ([\d.]+) kB, by a sample of 9\.\n",
        done.stdout,
    )
    total, _, each = map(float, found.groups())
    assert total == pytest.approx(COUNT * each, rel=0.02)
    assert not output.exists()


def test_an_estimate_says_what_would_fail(files, tmp_path):
    rows = [
        {"content": "photos/00.png", "styles": ["style.png"]},
        {"content": "photos/01.png"},
        {"content": "photos/02.png", "settings": {"size": "large"}},
    ]
    path = files / "list.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    flags = {"engine": "optimize", "size": 40, "steps": 2}
    flags["features"] = "vgg_distilled"
    done = estimate(path, tmp_path / "painted", **flags)
    assert done.returncode == 1
    assert "3 pictures: about" in done.stdout
    assert "photos/01.png' would fail: At least one style" in done.stderr
    assert "photos/02.png' would fail: " in done.stderr
    assert len(programs.said(done)) == 0


LISTS = {
    "empty.txt": "",
    "twice.jsonl": 2 * '{"content": "a.png", "output": "a.png"}\n',
    "outside.jsonl": '{"content": "a.png", "output": "../a.png"}',
    "format.jsonl": '{"content": "a.png", "output": "a.gif"}',
    "odd.jsonl": '{"content": "a.png"}\n{"content": 7}\n',
    "lines.jsonl": "a.png\n",
    "table.parquet": "a.png\n",
}


@pytest.mark.parametrize(
    ("content", "flags", "status", "expected"),
    [
        ("empty.txt", {}, 1, "The list has no rows"),
        ("twice.jsonl", {}, 1, "is listed twice, both times to become 'a.png'"),
        ("outside.jsonl", {}, 1, "must be a name inside the folder"),
        ("format.jsonl", {}, 1, "the name must end in one of"),
        ("odd.jsonl", {}, 1, "row 2: expected a path as content"),
        ("lines.jsonl", {}, 1, "line 1 is not JSON"),
        ("table.parquet", {}, 1, "is not Parquet"),
        ("missing.txt", {}, 1, "No such file or directory"),
        ("missing", {}, 1, "There is no file or folder"),
        ("missing/*.jpg", {}, 1, "There is no file or folder"),
        ("none", {}, 1, "The list has no rows"),
        ("memory://missing", {}, 1, "There is no 'memory://missing'"),
        ("odd://bucket", {}, 1, "cannot be reached"),
        ("photos", {"output": "photos/painted"}, 1, "is inside"),
        ("photos/*.png", {"output": "photos"}, 1, "is inside the output"),
        ("photos", {"output": "style.png"}, 1, "is a file. Name a folder"),
        ("photos", {"output": "/proc/painted"}, 1, "No such file or dir"),
        ("photos", {"output": "odd://painted"}, 1, "cannot be reached"),
        ("photos", {"cluster": "nowhere"}, 1, "must be local, auto or HOST"),
        ("photos", {"cluster": "127.0.0.1:9"}, 1, "There is no Ray cluster"),
        ("photos", {"style": "missing.png"}, 1, "missing.png"),
        ("photos", {"style": None}, 1, "has no style inside: give a --style"),
        ("photos", {"style": "empty.txt"}, 1, "empty.txt' is empty"),
        ("photos", {"model": "missing.h5"}, 1, "missing.h5"),
        ("photos", {"model": "empty.h5"}, 1, "empty.h5"),
        ("photos", {"steps": 3}, 2, "--steps is no setting of transfer"),
        (
            "photos",
            {"engine": "optimize", "encoder_weights": "a.h5"},
            2,
            "--encoder_weights is no setting of optimize",
        ),
        ("photos", {"strength": 3}, 2, "--strength"),
        ("photos", {"workers": -1}, 2, "--workers"),
        ("photos", {"shard_size": 0}, 2, "--shard_size"),
        ("photos", {"engine": "gan"}, 2, "--engine"),
    ],
)
def test_bad_input_is_one_line(
    files, tmp_path, content, flags, status, expected
):
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "none").mkdir()
    os.symlink(files / "photos", tmp_path / "photos")
    os.symlink(files / "style.png", tmp_path / "style.png")
    style = tmp_path / "style.png"
    chosen = {"output": "painted", "style": style, **flags}
    words = programs.command("tfstyle.fleet", {"content": content, **chosen})
    before = programs.contents(tmp_path)
    done = programs.fork(words, tmp_path, programs.TENSORFLOW)
    programs.check_refused(done, status, expected)
    after = programs.contents(tmp_path)
    assert {p for p in after if p.suffix in (".png", ".jpg")} == {
        p for p in before if p.suffix in (".png", ".jpg")
    }


def test_a_run_that_cannot_start_keeps_the_records_of_the_last(files, tmp_path):
    output, style = tmp_path / "painted", files / "style.png"
    (output / "_manifest").mkdir(parents=True)
    for name in ("failures.jsonl", "summary.json"):
        (output / "_manifest" / name).write_text("those of the last run")
    flags = {"style": style, "cluster": "127.0.0.1:9"}
    done = programs.fork(command(files / "photos", output, **flags), ROOT)
    programs.check_refused(done, 1, "There is no Ray cluster")
    for name in ("failures.jsonl", "summary.json"):
        text = (output / "_manifest" / name).read_text()
        assert text == "those of the last run"


def test_what_a_folder_leaves_out_is_said(files, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.nef").touch()
    flags = {"style": files / "style.png"}
    words = command(tmp_path / "photos", tmp_path / "out", **flags)
    note, error = programs.fork(words, ROOT).stderr.splitlines()
    assert note.startswith("note: files that end in .nef cannot be read;")
    assert error.startswith("error: The list has no rows.")


def test_help(tmp_path):
    text = programs.help_of("tfstyle.fleet", tmp_path)
    assert "--gpus_per_worker" in text
