import threading

import pytest
from PIL import Image

from image_bytes import PNG
from serving import batch, pictures
from serving.style_client import StyleClient


def folder(tmp_path, *names):
    source = tmp_path / "in"
    source.mkdir(parents=True, exist_ok=True)
    for name in names:
        (source / name).write_bytes(PNG)
    return source


def test_plans(tmp_path):
    source = folder(tmp_path, "a.png", "a.jpg", "b.webp")
    plan = batch.plan(str(source), str(tmp_path / "out"), "wave.jpg")
    assert [job.output.name for job in plan] == [
        "a.jpg",
        "a.png",
        "b.webp.png",
    ]
    photograph, output = str(source / "a.png"), str(tmp_path / "x.jpg")
    (one,) = batch.plan(photograph, output, "wave.jpg")
    assert one.output == tmp_path / "x.jpg"
    photograph = str(source / "b.webp")
    (one,) = batch.plan(photograph, str(tmp_path), "wave.jpg")
    assert one.output == tmp_path / "b.webp.png"


def test_subfolders_are_painted_to_subfolders(tmp_path):
    folder(tmp_path, "b.png")
    source = tmp_path / "in" / "more"
    folder(source, "a.gif", "notes.txt")
    plan = batch.plan(str(tmp_path / "in"), str(tmp_path / "out"), "wave.jpg")
    assert plan == [
        batch.Job(tmp_path / "in/b.png", tmp_path / "out/b.png"),
        batch.Job(source / "in/a.gif", tmp_path / "out/more/in/a.gif.png"),
    ]
    # A folder may be named like a picture if it is there.
    (tmp_path / "out.png").mkdir()
    assert batch.plan(str(source), str(tmp_path / "out.png"), "wave.jpg")


@pytest.mark.parametrize(
    ("content", "output", "problem"),
    [
        ("nowhere.png", "x.png", "There is no photograph"),
        ("in/a.png", "x.gif", "ends in one of .jpg, .jpeg, .png"),
        ("in", "file", "so --output must be one, too"),
        ("in", "in", "another folder than --content"),
        ("in", "in/new/out", "not inside it. Received: '.*in/new/out'"),
        ("in", "s.PNG", "'.*s.PNG' is named as one picture. Name a folder."),
        ("empty", "x", "There are no images in the folder"),
    ],
)
def test_plans_that_are_refused(content, output, problem, tmp_path):
    folder(tmp_path, "a.png")
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises((ValueError, FileNotFoundError), match=problem):
        batch.plan(str(tmp_path / content), str(tmp_path / output), "wave.jpg")


def test_an_address_is_no_photograph(tmp_path):
    message = "'https://host/a.png' is an address, not a file. Download it"
    with pytest.raises(FileNotFoundError, match=message):
        batch.plan("https://host/a.png", str(tmp_path / "x.png"), "wave.jpg")


@pytest.mark.parametrize(
    ("content", "output", "problem"),
    [
        ("in/a.png", "in/a.png", "'in/a.png' would be written over"),
        ("in/a.png", "in", "'in/a.png' would be written over"),
        ("in/a.png", "link/a.png", "'in/a.png' would be written over"),
        ("in", "link", "another folder than --content"),
        ("in", "out", "'in/a.png' would be written over"),
        ("in/a.png", "wave.png", "The output 'wave.png' is the style, too"),
        ("in/a.png", "out/b.png", "The output 'out/b.png' is the style, too"),
    ],
)
def test_what_is_read_is_not_written_over(
    content, output, problem, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, "a.png")
    (tmp_path / "link").symlink_to("in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to("../in/a.png")
    (tmp_path / "out" / "b.png").symlink_to("../wave.png")
    with pytest.raises(ValueError, match=problem):
        batch.plan(content, output, "wave.png")


def test_files_that_others_put_into_the_folder_stay(tmp_path):
    source = folder(tmp_path, "a.png", "b.jpg")
    output = tmp_path / "out"
    for photograph in (source, source / "b.jpg"):
        output.mkdir(exist_ok=True)
        pictures.write(output / "a.png", PNG)
        pictures.write(output / "b.jpg", PNG)
        assert batch.plan(str(photograph), str(output), "wave.jpg")
        (output / "b.jpg").write_bytes(PNG)
        problem = "b.jpg' is there and was not written by this client. Give"
        with pytest.raises(ValueError, match=problem):
            batch.plan(str(photograph), str(output), "wave.jpg")
    # A name that is given may be that of any file.
    named = f"{output}/./b.jpg"
    assert batch.plan(str(source / "a.png"), named, "wave.jpg")


def test_no_two_photographs_become_the_same_file(tmp_path):
    source = folder(tmp_path, "a.webp", "a.webp.png")
    problem = (
        r"a\.webp' and '.*a\.webp\.png' would both become '.*a\.webp\.png'"
    )
    with pytest.raises(ValueError, match=problem):
        batch.plan(str(source), str(tmp_path / "out"), "wave.jpg")


class Counting(StyleClient):
    """A client that knows how many requests and threads there were."""

    def __init__(self, server):
        super().__init__(server)
        self.calls, self.now, self.most, self.threads = [], 0, 0, 0
        self._lock = threading.Lock()

    def predict(self, signature, inputs):
        with self._lock:
            self.calls.append(signature)
            self.now += 1
            self.most = max(self.most, self.now)
            self.threads = max(self.threads, threading.active_count())
        try:
            return super().predict(signature, inputs)
        finally:
            with self._lock:
                self.now -= 1


def paint(client, jobs, style, parallel):
    said, failed, noted = [], [], []
    failures = batch.paint(
        client,
        jobs,
        str(style),
        strength=0.5,
        size=None,
        style_size=None,
        parallel=parallel,
        say=said.append,
        complain=failed.append,
        note=noted.append,
    )
    return failures, said, failed, noted


def test_a_folder_embeds_its_style_once_and_goes_on(server, tmp_path):
    source = folder(tmp_path, *(f"{i:02}.png" for i in range(12)))
    (source / "05.png").write_bytes(b"junk")
    for name in ("03.png", "07.png"):
        Image.new("LA", (9, 8), (200, 40)).save(source / name)
    jobs = batch.plan(str(source), str(tmp_path / "new" / "out"), "w.png")
    with Counting(server.grpc) as client:
        results = paint(client, jobs, source / "00.png", 3)
    failures, said, failed, noted = results
    assert noted == [
        f"the server returns no transparency, which '{source / '03.png'}' has. "
        "Such photographs: 2"
    ]
    assert client.calls.count("embed_style_bytes") == 1
    assert client.calls.count("apply_style_bytes") == 11
    assert client.most <= 3
    assert failures == 1 and len(said) == 11
    assert failed[0].endswith("05.png' is not an image.")
    assert len(pictures.find(tmp_path / "new" / "out")) == 11


def test_there_are_no_more_threads_than_photographs(server, tmp_path):
    source = folder(tmp_path, "a.png", "b.png")
    jobs = batch.plan(str(source), str(tmp_path / "out"), "w.png")
    with Counting(server.grpc) as client:
        before = threading.active_count()
        paint(client, jobs, source / "a.png", 60)
    # The pool has three more, and gRPC some of its own.
    assert client.threads <= before + 20


def test_a_single_photograph_is_one_request(server, tmp_path):
    source = folder(tmp_path, "a.png")
    photograph, output = str(source / "a.png"), str(tmp_path / "out.png")
    jobs = batch.plan(photograph, output, photograph)
    with Counting(server.grpc) as client:
        failures, _, _, noted = paint(client, jobs, source / "a.png", 2)
    assert (failures, noted) == (0, [])
    assert client.calls == ["stylize_bytes"]
    assert (tmp_path / "out.png").exists()
