"""The programs of export/, and what a session refuses."""

import dataclasses
import pathlib
import shutil
import sys

import numpy as np
import pytest

import documents
import helpers
import image_bytes
import programs
from export import loader
from tfstyle.export import known_answers, prediction_log, saved_model
from tfstyle.export.prediction_log import Record
from tfstyle.export.signatures import Signatures
from tfstyle.pretrained import presets

ROOT = pathlib.Path(__file__).parents[2]
KIND = "c++" if loader.has_compiler() else "python"
SIZE = 2 * sum(helpers.style_model().channels.values())  # Of an embedding.


def command(program, *words):
    return [sys.executable, "-m", f"export.{program}", *map(str, words)]


def run(program, *words, folder=ROOT):
    return programs.fork(command(program, *words), folder)


def run_quick(program, *words):
    """Where TensorFlow and Keras cannot be loaded."""
    return programs.fork(command(program, *words), ROOT, programs.TENSORFLOW)


def images(count=1, height=20, width=24, channels=3):
    image = np.resize(helpers.image(height, width), (height, width, channels))
    return np.stack([image] * count).astype(np.float32)


def files(*data):
    return np.array(data, object)


def numbers(*values):
    return np.array(values, np.float32)


PNG = image_bytes.file(image_bytes.photo())
JPEG = image_bytes.file(image_bytes.photo(), "JPEG")
GOOD = {
    "content_image": images(),
    "content_image_bytes": files(PNG),
    "style_image": images(height=18),
    "style_image_bytes": files(JPEG),
    "style_embedding": np.ones((1, SIZE), np.float32),
    "strength": numbers(1),
}
# What is asked -> the signature, inputs that are changed, and the error.
BAD = {
    "no such signature": ("paint", {}, "FAILED_PRECONDITION: Serving"),
    "float64": (
        "stylize",
        {"content_image": images().astype(np.float64)},
        "Expects arg[0] to be float but double is provided",
    ),
    "bytes for pixels": (
        "stylize",
        {"content_image": files(PNG)},
        "to be float but string is provided",
    ),
    "no batch": (
        "stylize",
        {"content_image": images()[0]},
        "content_image must have shape [any, any, any, 3]. Received:] [20",
    ),
    "a number": (
        "serving_default",
        {"style_image": numbers(1)[0]},
        "style_image must have shape [any, any, any, 3]",
    ),
    "rank 5": (
        "serving_default",
        {"style_image": images()[None]},
        "style_image must have shape",
    ),
    "grey": ("embed_style", {"style_image": images(channels=1)}, "20, 24, 1"),
    "RGBA": ("embed_style", {"style_image": images(channels=4)}, "20, 24, 4"),
    # Six would pass for two groups of three.
    "6 channels": (
        "apply_style",
        {"content_image": images(channels=6)},
        "content_image must have shape",
    ),
    "2 contents, 1 style": (
        "serving_default",
        {"content_image": images(2)},
        "repeat the style for each content. Received:] [2 1]",
    ),
    "1 content, 2 styles": (
        "stylize_bytes",
        {"style_image_bytes": files(PNG, PNG)},
        "must hold equally many examples, one or more",
    ),
    "2 strengths": ("stylize", {"strength": numbers(1, 1)}, "equally many"),
    "2 embeddings": (
        "apply_style_bytes",
        {"style_embedding": np.ones((2, SIZE), np.float32)},
        "equally many examples",
    ),
    "nothing": ("embed_style", {"style_image": images()[:0]}, "one or more"),
    "no files": (
        "embed_style_bytes",
        {"style_image_bytes": files()},
        "or more",
    ),
    "too small": (
        "serving_default",
        {"content_image": images(height=15)},
        "content_image must have 16 pixels or more on each side",
    ),
    "no rows": (
        "serving_default",
        {"content_image": images()[:, :0]},
        "Received:] [0 24]",
    ),
    "too large": (
        "serving_default",
        {"style_image": images(height=101, width=100)},
        "style_image must have 10000 pixels or fewer",
    ),
    "NaN": (
        "serving_default",
        {"content_image": images() * np.float32(np.nan)},
        "content_image must have values from 0 to 1",
    ),
    "infinite": (
        "embed_style",
        {"style_image": images() * np.float32(np.inf)},
        "style_image must have values from 0 to 1",
    ),
    "0 to 255": (
        "stylize",
        {"content_image": images() * 255},
        "divided by 255",
    ),
    "strength 7": ("stylize", {"strength": numbers(7)}, "from 0 to 1"),
    "strength -1": ("stylize_bytes", {"strength": numbers(-1)}, "from 0 to 1"),
    "strength NaN": (
        "apply_style",
        {"strength": numbers(np.nan)},
        "strength must be from 0 to 1. Received:] [nan]",
    ),
    "strength without batch": (
        "stylize",
        {"strength": numbers(1)[0]},
        "strength must have shape [any]",
    ),
    "another embedding": (
        "apply_style",
        {"style_embedding": np.ones((1, SIZE - 1), np.float32)},
        f"style_embedding must have shape [any, {SIZE}]",
    ),
    "embedding NaN": (
        "apply_style",
        {"style_embedding": np.full((1, SIZE), np.nan, np.float32)},
        "style_embedding must be finite",
    ),
    "embedding that paints NaN": (
        "apply_style_bytes",
        {"style_embedding": np.full((1, SIZE), -1e30, np.float32)},
        "style_embedding must be finite, within 1e6 of 0. Received:] [[-1e+30",
    ),
    "empty file": (
        "embed_style_bytes",
        {"style_image_bytes": files(b"")},
        "style_image_bytes must be whole files of type JPEG or PNG",
    ),
    "junk": (
        "stylize_bytes",
        {"content_image_bytes": files(b"junk" * 100)},
        "content_image_bytes must be whole files of type JPEG or PNG",
    ),
    "GIF": (
        "embed_style_bytes",
        {
            "style_image_bytes": files(
                image_bytes.file(image_bytes.photo(), "GIF")
            )
        },
        "of type JPEG or PNG",
    ),
    "JPEG cut in its header": (
        "embed_style_bytes",
        {"style_image_bytes": files(JPEG[:3])},
        "Invalid JPEG data",
    ),
    "JPEG cut in the middle": (
        "embed_style_bytes",
        {"style_image_bytes": files(JPEG[: len(JPEG) // 2])},
        "Invalid JPEG data",
    ),
    "PNG cut in its header": (
        "embed_style_bytes",
        {"style_image_bytes": files(PNG[:20])},
        "in bytes. Received:] [20]",
    ),
    "PNG cut in the middle": (
        "embed_style_bytes",
        {"style_image_bytes": files(PNG[: len(PNG) // 2])},
        "Invalid PNG data",
    ),
    "bomb": (
        "embed_style_bytes",
        {"style_image_bytes": files(image_bytes.png_of_size(60000, 60000))},
        "10000 pixels or fewer: send it smaller. Received:] [60000 60000]",
    ),
    "sides beyond 2^31": (
        "embed_style_bytes",
        {"style_image_bytes": files(image_bytes.png_of_size(2**32 - 1, 8))},
        "16 pixels or more",
    ),
    "one bad file of two": (
        "stylize_bytes",
        {
            "content_image_bytes": files(PNG, PNG[:100]),
            "style_image_bytes": files(JPEG, JPEG),
            "strength": numbers(1, 1),
        },
        "Invalid PNG data",
    ),
    "file without batch": (
        "embed_style_bytes",
        {"style_image_bytes": np.array(JPEG, object)},
        "style_image_bytes must have shape [any]",
    ),
}


@pytest.fixture(scope="module")
def statuses(served):
    """Name of a bad request -> status; good ones in between must succeed."""
    known = prediction_log.read(served / saved_model.KNOWN_ANSWERS)
    inputs = {record.signature: list(record.inputs) for record in known}
    requests = []
    for i, (signature, changes, _) in enumerate(BAD.values()):
        names = inputs.get(signature, [])
        wrong = {name: GOOD[name] for name in names} | changes
        requests.append(Record(signature=signature, inputs=wrong))
        requests.append(known[i % len(known)])
    answers = loader.run(served, requests, KIND)
    for i, (status, outputs) in enumerate(answers[1::2]):
        assert status == "OK"
        assert known_answers.check(known[i % len(known)], outputs) < 1e-5
    return dict(zip(BAD, (status for status, _ in answers[::2]), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_a_session_refuses_and_says_why(statuses, name):
    if KIND == "python" and "provided" in BAD[name][2]:
        pytest.skip("this session converts types; needs a C++ compiler")
    status = statuses[name]
    kind = "FAILED_PRECONDITION" if "paint" in BAD[name] else "INVALID_ARGUMENT"
    assert status.startswith(kind)
    assert BAD[name][2] in status


def test_a_version_is_written_and_passes_the_check(style_model, tmp_path):
    style_model.save_preset(tmp_path / "ours.h5")
    (tmp_path / "ours.md").write_text("# ours\n\nTrained on {nothing}.\n")
    # Not in UTF-8, as licenses may be.
    (tmp_path / "LICENSE").write_text("\N{COPYRIGHT SIGN} Free.\n", "latin-1")
    words = [f"--model={tmp_path}/ours.h5", f"--output={tmp_path}/style"]
    done = run("saved_model", *words, "--warmup_sizes=16", "--max_pixels=5000")
    assert done.returncode == 0, done.stderr
    path = tmp_path / "style" / "1"
    assert done.stdout.startswith(f"{path}: within ")
    card = (path / "assets.extra" / "README.md").read_text()
    assert "Trained on {nothing}." in card
    assert card.endswith(" Free.\n")
    done = run("check", "1", "--loader=python", folder=path.parent)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(": within ")[0] for line in lines[:-1]] == list(
        Signatures.NAMES
    )
    assert lines[-1] == "python loader: 7 signatures, 7 warm-ups"
    (path / saved_model.KNOWN_ANSWERS).unlink()
    done = run("check", path, "--loader=python")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: '{path}' has no assets.extra/known")
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_no_lack_of_memory(style_model, tmp_path):
    style_model.save_preset(tmp_path / "ours.h5")
    words = [f"--model={tmp_path}/ours.h5", f"--output={tmp_path}/style"]
    words = programs.with_small_files(command("saved_model", *words), 200)
    done = programs.call(words, ROOT, TF_CPP_MIN_LOG_LEVEL="2")
    path = tmp_path / "style" / "1"
    programs.check_refused(done, 1, f"Cannot write '{path}': File too large")
    assert not path.parent.exists()


def changed(served, folder, change):
    """A copy of a version with one known answer, changed, and no warm-up."""
    shutil.copytree(served, folder)
    path = folder / saved_model.KNOWN_ANSWERS
    prediction_log.write(path, [change(prediction_log.read(path)[0])])
    (folder / saved_model.WARMUP).unlink()
    return folder


def test_the_check_finds_other_numbers(served, tmp_path):
    def darker(record):
        image = record.outputs["stylized_image"]
        outputs = {"stylized_image": image - np.float32(0.01)}
        return dataclasses.replace(record, outputs=outputs)

    folder = changed(served, tmp_path / "1", darker)
    words = command("check", folder, "--loader=python")
    done = programs.call(words, ROOT)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "serving_default: stylized_image differs by 0.01" in line


def test_a_version_without_known_answers_is_damaged(served, tmp_path):
    folder = tmp_path / "1"
    shutil.copytree(served, folder)
    path = folder / saved_model.KNOWN_ANSWERS
    path.write_bytes(b"")
    done = run("check", folder, "--loader=python")
    programs.check_refused(done, 1, f"'{path}' is damaged. Copy the version")


def test_the_compiler_may_have_words_before_its_name(monkeypatch):
    for words, there in (("env g++ -O0", True), ("no-such g++", False)):
        monkeypatch.setenv("CXX", words)
        assert loader.has_compiler() is there


def test_damage_is_one_line(served, tmp_path):
    folder = changed(served, tmp_path / "1", lambda record: record)
    variables = folder / "variables" / "variables.data-00000-of-00001"
    variables.write_bytes(variables.read_bytes()[:1000])
    with pytest.raises(OSError, match=r"Could not load it: [\w.]*: [^\n]*$"):
        loader.run(folder, [], "python")


@pytest.mark.parametrize(
    ("program", "package", "ending", "words"),
    [
        ("onnx", "onnxruntime", "onnx", ["--signature=embed_style"]),
        ("litert", "ai_edge_litert", "tflite", ["--precision=int8"]),
    ],
)
def test_other_forms_are_written(
    style_model, tmp_path, program, package, ending, words
):
    pytest.importorskip(package, reason="needs tfstyle[export]")
    style_model.save(tmp_path / "ours.keras")
    path = tmp_path / f"ours.{ending}"
    words = [f"--model={tmp_path}/ours.keras", f"--output={path}", *words]
    done = run(program, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: within ")
    assert path.stat().st_size > 100_000


@pytest.mark.parametrize("program", ["onnx", "litert"])
def test_inputs_are_never_written_over(tmp_path, program):
    model, encoder = tmp_path / "ours.h5", tmp_path / "encoder.h5"
    presets.save(model, {"train_encoder": False, "encoder": "vgg19"}, {})
    encoder.write_bytes(b"weights")
    before = programs.contents(tmp_path)
    words = [f"--model={model}", f"--encoder_weights={encoder}"]
    for path, role in ((model, "model"), (encoder, "encoder_weights")):
        done = run_quick(program, *words, f"--output={path}")
        programs.check_refused(done, 1, f"'{path}' is the {role}, too.")
    assert programs.contents(tmp_path) == before


@pytest.mark.parametrize(
    ("program", "words", "status", "message"),
    [
        ("onnx", ["--output=o", "--signature=draw"], 2, "--signature"),
        ("onnx", ["--output=missing/o", "--model=a"], 1, "no model 'a'"),
        ("onnx", ["--output=o.tflite"], 1, "--output must end in .onnx"),
        ("litert", ["--output=o.onnx"], 1, "--output must end in .tflite"),
        ("litert", ["--output=o", "--height=15"], 2, "--height"),
        ("saved_model", ["--model=a"], 2, "--output"),
        ("saved_model", ["--output=o", "--quality=0"], 2, "--quality must be"),
        ("saved_model", ["--output=o", "--version=0"], 2, "--version"),
        ("saved_model", ["--output=o", f"--version={2**63}"], 2, "--version"),
        ("saved_model", ["--output=o", "a.h5"], 2, "Unexpected arguments"),
        ("saved_model", ["--output=o", "--model=a"], 1, "no model 'a'"),
        (
            "saved_model",
            ["--output=o", "--nowarmup", "--warmup_sizes=64"],
            2,
            "--nowarmup writes no requests: leave out --warmup_sizes",
        ),
        (
            "saved_model",
            ["--output=o", "--encoder_weights=a.h5"],
            1,
            "leave out --encoder_weights",
        ),
        ("check", [], 2, "Name the folder of one version"),
        ("check", ["tests"], 1, "it has no saved_model.pb"),
    ],
)
def test_errors_are_one_line_at_once(program, words, status, message):
    done = run_quick(program, *words)
    assert done.returncode == status
    (line,) = done.stderr.splitlines()
    assert message in line


def test_commands_of_the_readme_exist():
    text = (ROOT / "export" / "README.md").read_text()
    assert documents.shell_problems(text) == []


def test_python_of_the_readme_runs(served, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "style").symlink_to(served.parent)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "export" / "README.md").read_text()
    (code,) = documents.fences(text, "python")
    found = {}
    exec(code, found)
    assert found["painted"].shape == (1, 64, 48, 3)
