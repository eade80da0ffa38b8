"""Jobs from the request to the picture, with the real library."""

import dataclasses
import json
import os
import shutil
import threading

import numpy as np
import pytest

import helpers
import studio_server
from tfstyle import images
from tfstyle.fitting import dead_leaves
from tfstyle.images import provenance
from tfstyle.web import recipes, work
from tfstyle.web.events import Events

MASK = np.zeros((40, 60), np.float32)
MASK[:, :30] = 1


@pytest.fixture
def recipe(studio):
    """A recipe of one pass."""
    return {
        "engine": "one_pass",
        "content": studio.image(40, 60, 1),
        "styles": [{"image": studio.image(50, 40, 2)}],
        "settings": {"size": 48},
    }


def optimizing(recipe, **settings):
    settings = {"size": 48, "steps": 200, **settings}
    return {**recipe, "engine": "optimize", "settings": settings}


def picture(studio, job, tmp_path):
    answer = studio.get(f"/api/jobs/{job['id']}/picture")
    assert answer.headers["Content-Type"] == "image/png"
    (tmp_path / "picture.png").write_bytes(answer.content)
    return images.load(tmp_path / "picture.png")


def test_one_pass_is_the_picture_of_the_program(studio, recipe, tmp_path):
    job = studio.wait(studio.paint(recipe)["id"], "done")
    assert (job["width"], job["height"], job["done"]) == (48, 32, 1)
    found = picture(studio, job, tmp_path)
    assert found.shape == (32, 48, 3)
    record = provenance.read(tmp_path / "picture.png")
    assert record["config"]["size"] == 48
    assert [*record["inputs"]] == ["style 1", "content"]
    assert studio.get(f"/api/jobs/{job['id']}/frame").content[:2] == b"\xff\xd8"


def test_pictures_that_are_not_kept_make_room(studio, recipe):
    first = studio.paint(recipe, kept=False)
    studio.wait(first["id"], "done")
    second = studio.paint(recipe, kept=False)
    studio.wait(second["id"], "done")
    studio.post(f"/api/jobs/{second['id']}/keep")
    third = studio.paint(recipe, kept=False)
    studio.wait(third["id"], "done")
    ids = [job["id"] for job in studio.state()["jobs"]]
    assert first["id"] not in ids
    assert {second["id"], third["id"]} <= {*ids}


def test_what_is_kept_stays_the_photograph(studio, recipe, tmp_path):
    keep = studio.upload(studio_server.png(MASK), "keep.png").json()["id"]
    job = studio.wait(studio.paint({**recipe, "keep": keep})["id"], "done")
    found = picture(studio, job, tmp_path)
    photo = images.resize(helpers.image(40, 60, 1), 32, 48)
    np.testing.assert_allclose(found[:, :22], photo[:, :22], atol=1 / 255)
    assert np.abs(found[:, 26:] - photo[:, 26:]).mean() > 0.05


def test_styles_with_masks_come_first(studio, recipe, tmp_path):
    mask = studio.upload(studio_server.png(MASK), "left.png").json()["id"]
    (style,) = recipe["styles"]
    other = {"image": studio.image(40, 40, 3), "mask": mask}
    asked = {**recipe, "styles": [style, other]}
    job = studio.wait(studio.paint(asked)["id"], "done")
    assert job["recipe"]["styles"][0]["mask"] == mask
    assert "content_mask 1" in provenance_of(studio, job, tmp_path)["inputs"]


def provenance_of(studio, job, tmp_path):
    picture(studio, job, tmp_path)
    return provenance.read(tmp_path / "picture.png")


def test_optimization_shows_frames_stops_and_goes_on(studio, recipe):
    events = studio.events()
    next(events)
    id = studio.paint(optimizing(recipe))["id"]
    seen = {}
    for kind, message in events:
        if message.get("id") == id:
            seen[kind] = message
        if {"progress", "frame"} <= seen.keys():
            break
    assert seen["progress"]["steps"] == 200
    assert seen["progress"]["loss"][1] > 0
    assert studio.job(id)["losses"]  # For pages that come later.
    frame = studio.get(f"/api/jobs/{id}/frame")
    assert frame.headers["Content-Type"] == "image/jpeg"
    studio.post(f"/api/jobs/{id}/stop")
    stopped = studio.wait(id, "stopped")
    assert 0 < stopped["done"] < 1 and stopped["message"] == "Stopped."
    assert studio.get(f"/api/jobs/{id}/picture").ok
    studio.post(f"/api/jobs/{id}/resume")
    finished = studio.wait(id, "done")
    assert finished["seconds"] > stopped["seconds"]
    shares = [share for share, _ in finished["losses"]]
    assert shares == sorted(shares) and shares[-1] == 1


def test_jobs_wait_for_each_other_and_may_be_taken_back(studio, recipe):
    first = studio.paint(optimizing(recipe, seed=1))
    second = studio.paint(recipe)
    assert studio.job(second["id"])["status"] == "waiting"
    studio.post(f"/api/jobs/{second['id']}/stop")
    assert studio.job(second["id"])["status"] == "stopped"
    answer = studio.delete(f"/api/jobs/{first['id']}")
    if answer.status_code == 400:  # It runs already.
        assert "Stop it first" in answer.json()["error"]
    studio.post(f"/api/jobs/{first['id']}/stop")
    studio.wait(first["id"], "stopped")
    for job in (first, second):
        assert studio.delete(f"/api/jobs/{job['id']}").ok
        assert studio.get(f"/api/jobs/{job['id']}/frame").status_code == 404


def test_what_cannot_be_painted_is_said_in_plain_words(studio, recipe):
    thin = studio.upload(
        studio_server.png(helpers.image(16, 400, 1)), "thin.png"
    ).json()["id"]
    asked = {**recipe, "content": thin}
    job = studio.wait(studio.paint(asked)["id"], "failed")
    assert job["message"].startswith("“thin.png”: The shorter side must have")
    mask = studio.upload(studio_server.png(0 * MASK), "none.png").json()["id"]
    asked = {**recipe, "keep": mask}
    job = studio.wait(studio.paint(asked)["id"], "failed")
    assert "is black" in job["message"]
    # The queue goes on.
    studio.wait(studio.paint(recipe)["id"], "done")


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_the_queue_goes_on_when_the_disk_refuses(studio, recipe, verb):
    first = studio.paint(optimizing(recipe))
    second = studio.paint(recipe)
    if verb == "resume":
        studio.post(f"/api/jobs/{second['id']}/stop")
    shutil.rmtree(studio.root / "jobs" / second["id"])
    if verb == "resume":
        answer = studio.post(f"/api/jobs/{second['id']}/resume")
        assert answer.status_code == 507
    studio.post(f"/api/jobs/{first['id']}/stop")
    job = studio.wait(second["id"], "failed")
    assert job["message"] == "The disk refuses: No such file or directory"
    studio.wait(studio.paint(recipe)["id"], "done")


def test_a_job_whose_images_are_gone_keeps_its_picture(
    studio, recipe, tmp_path
):
    job = studio.wait(studio.paint(recipe)["id"], "done")
    kept = tmp_path / "jobs" / job["id"]
    shutil.copytree(studio.root / "jobs" / job["id"], kept)
    (kept / "job.json").write_text(json.dumps({**job, "status": "failed"}))
    with studio_server.Studio(tmp_path) as other:
        assert other.get(f"/api/jobs/{job['id']}/picture?download").ok
        answer = other.post(f"/api/jobs/{job['id']}/resume")
        assert answer.status_code == 404
        assert other.job(job["id"])["status"] == "failed"


ASKED = recipes.parse(
    {"engine": "one_pass", "content": "0" * 24, "styles": [{"image": "1" * 24}]}
)


@pytest.fixture
def worker(tmp_path):
    """A worker whose thread does not run."""
    return work.Worker(*work.folders(tmp_path), Events())


def test_what_the_painter_has_taken_is_not_removed(worker):
    first = worker.submit(ASKED, kept=False)
    taken, _ = worker._next()
    assert taken is first
    worker.submit(ASKED, kept=False)  # Would take its place if it waited.
    with pytest.raises(ValueError, match="Stop it first"):
        worker.remove(first)


def test_a_model_that_waiting_pictures_need_stays(worker):
    asked = dataclasses.replace(ASKED, engine="specialize")
    model = worker.submit(asked, kept=False)
    worker._next()
    worker._set(model, "done")
    asked = dataclasses.replace(ASKED, model=model.id)
    job = worker.submit(asked, kept=False)
    assert worker._jobs.every() == [model, job]
    worker.stop(job)
    last = worker.submit(ASKED, kept=False)
    assert worker._jobs.every() == [last]


def test_keeping_does_not_undo_what_the_painter_says(
    worker, tmp_path, monkeypatch
):
    job = worker.submit(ASKED, kept=True)
    worker._next()
    slow, go = threading.Event(), threading.Event()

    def fsync(file):  # A disk that takes its time for the first file.
        if not slow.is_set():
            slow.set()
            go.wait(10)

    monkeypatch.setattr(os, "fsync", fsync)
    keeps = threading.Thread(target=worker.keep, args=[job])
    ends = threading.Thread(target=worker._set, args=[job, "done"])
    keeps.start()
    slow.wait(10)
    ends.start()
    ends.join(0.5)
    go.set()
    keeps.join(10)
    ends.join(10)
    saved = tmp_path / "jobs" / job.id / "job.json"
    assert json.loads(saved.read_text())["status"] == job.status == "done"


def test_the_desk_is_there_after_a_reload(studio, recipe):
    assert studio.post("/api/desk", {"recipe": recipe}).ok
    assert studio.state()["desk"] == {"recipe": recipe}


@pytest.mark.slow  # 25 s: the losses are compiled, and weigh photographs.
def test_a_model_of_one_style_joins_the_list_and_paints(
    studio, recipe, monkeypatch
):
    monkeypatch.setattr(dead_leaves, "_SCENES", 4)
    asked = {
        **recipe,
        "engine": "specialize",
        "settings": {"thin_steps": 2, "steps": 2},
    }
    made = studio.wait(studio.paint(asked)["id"], "done")
    assert studio.get(f"/api/jobs/{made['id']}/model").content[:2] == b"PK"
    assert not [*studio.root.rglob(f"{made['id']}/checkpoint*")]
    asked = {**recipe, "styles": [], "model": made["id"]}
    job = studio.wait(studio.paint(asked)["id"], "done")
    assert (job["width"], job["height"]) == (48, 32)
    command = studio.get(f"/api/jobs/{job['id']}/command").json()
    assert "--model=" in command["shell"] and "--style=" not in command["shell"]
    command = studio.get(f"/api/jobs/{made['id']}/command").json()
    assert "python -m tfstyle.specialize" in command["shell"]
    assert "--steps=2" in command["shell"]
    studio.delete(f"/api/jobs/{made['id']}")
    answers = [
        studio.get(f"/api/jobs/{job['id']}/command"),
        studio.post("/api/jobs", {"recipe": job["recipe"], "kept": True}),
    ]
    for answer in answers:
        assert "model of this picture was removed" in answer.json()["error"]
