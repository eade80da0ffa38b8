"""`tfstyle PROGRAM`, in processes of its own."""

import pathlib
import signal
import subprocess
import sys

import pytest

import programs
from tfstyle import __version__
from tfstyle.cli import completion

ROOT = pathlib.Path(__file__).parents[2]


def run(*words, **variables):
    command = [sys.executable, "-m", "tfstyle", *words]
    return programs.call(command, ROOT, **variables)


def test_it_lists_the_programs_without_loading_anything_slow(tmp_path):
    poisoned = programs.poison(tmp_path, programs.SLOW)
    done = programs.call([sys.executable, "-m", "tfstyle"], ROOT, poisoned)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n  optimize " in done.stdout
    listed = done.stdout.partition("Programs:\n")[2].splitlines()
    files = (ROOT / "tfstyle").glob("[!_]*.py")
    expected = {file.stem for file in files} - {"losses", "version"}
    assert {line.split()[0] for line in listed} == expected
    assert all(len(line.split()) > 3 for line in listed)
    assert run("--help").stdout == done.stdout


def test_a_reader_that_is_gone_and_a_full_disk_are_no_tracebacks():
    listed = f"{sys.executable} -m tfstyle --help"
    variables = {"PYTHONUNBUFFERED": "1"}
    words = ["bash", "-c", f"{listed} | true; exit ${{PIPESTATUS[0]}}"]
    done = programs.call(words, ROOT, **variables)
    assert done.stderr == ""
    done = programs.call(["bash", "-c", f"{listed} > /dev/full"], ROOT)
    programs.check_refused(done, 1, "No space left on device")


def test_ctrl_c_is_one_line():
    command = [sys.executable, "-m", "tfstyle", "--completion=bash"]
    process = programs.start(command, ROOT)
    # It asks one program after another, which takes seconds.
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("needs /proc")
    while not children.read_text():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    programs.end(process)
    assert (process.returncode, process.stderr) == (130, "interrupted\n")


def test_it_says_its_version():
    assert run("--version").stdout == f"{__version__}\n"


def test_it_runs_a_program_with_its_flags_and_status(tmp_path):
    own = run("transfer", "--help")
    assert own.returncode == 0
    assert "--style_size" in own.stdout
    wrong = run("transfer", "--content=no.jpg", "--style=no.jpg", "--output=a")
    programs.check_refused(wrong, 1, "no.jpg")
    unknown = run("transfer", "--contents=no.jpg")
    programs.check_refused(unknown, 2, "contents")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["optimise"],
            "There is no program 'optimise'. Did you mean optimize?",
        ),
        (["losses"], "There is no program 'losses'"),
        (["--completion=csh"], "bash, zsh, fish: 'csh'"),
        (["--completion"], "bash, zsh, fish: ''"),
    ],
)
def test_wrong_words_are_one_line(words, message):
    programs.check_refused(run(*words), 2, message)


FLAGS = {"optimize": ["content=", "size=", "steps="], "transfer": ["draft"]}


def completed(*words, folder=ROOT):
    """What bash offers for the last of some words."""
    listed = " ".join(f"'{word}'" for word in words)
    code = (
        f"{completion.script('bash', FLAGS)}\n"
        f"COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _tfstyle\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_bash_completes_programs_flags_and_files():
    assert completed("tfstyle", "opt") == ["optimize"]
    assert completed("tfstyle", "optimize", "--s") == ["--size=", "--steps="]
    assert completed("tfstyle", "transfer", "--s") == []
    assert completed("tfstyle", "optimize", "setup.c") == ["setup.cfg"]
    assert completed("tfstyle", "optimize", "--content", "=setup.c") == [
        "setup.cfg"
    ]


def test_bash_completes_names_with_spaces(tmp_path):
    for name in ("my cat.jpg", "my dog.jpg"):
        (tmp_path / name).touch()
    both = ["my cat.jpg", "my dog.jpg"]
    assert completed("tfstyle", "optimize", "my", folder=tmp_path) == both
    word = "my\\ c"  # As it is typed.
    words = ("tfstyle", "optimize", "--content", "=", word)
    assert completed(*words, folder=tmp_path) == ["my cat.jpg"]


def test_flags_without_a_value_have_no_equals_sign():
    assert completed("tfstyle", "transfer", "--d") == ["--draft"]
    lines = completion.script("fish", FLAGS).splitlines()
    assert [line for line in lines if line.endswith("-l draft")]
    assert [line for line in lines if line.endswith("-l size -r")]


def test_all_shells_know_all_programs():
    for shell in completion.SHELLS:
        done = run(f"--completion={shell}")
        assert done.returncode == 0, done.stderr
        for word in ("specialize", "style_weight", "print_size"):
            assert word in done.stdout
        assert "draft=" not in done.stdout and "draft" in done.stdout


def test_the_doctor_says_what_is_here(tmp_path):
    (tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    done = run("--doctor", TFSTYLE_HOME=str(tmp_path), TFSTYLE_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["tfstyle"].startswith(f"{__version__}, Python 3.")
    assert "tensorflow 2." in lines["packages"]
    assert lines["device"].startswith(("CPU, ", "GPU, "))
    assert str(tmp_path) in lines["cache"]
    assert "advice" in lines
    assert "vgg_distilled.h5\n" in done.stdout
    assert "notop.h5' is not the published file, or" in done.stdout
    assert "Copy https://" in done.stdout and f"to {tmp_path}" in done.stdout
    assert "vgg16: not here; TFSTYLE_OFFLINE forbids downloads" in done.stdout


@pytest.mark.parametrize(
    ("home", "advice"),
    [
        ("", "This user has no home folder. Set TFSTYLE_HOME to a folder"),
        ("plain", "plain' is a file: set TFSTYLE_HOME to a folder."),
        ("plain/inner", "plain' is a file: set TFSTYLE_HOME to a folder."),
        # As a folder that may not be searched, but for root, too.
        (f"{300 * 'x'}/inner", "' cannot be used (File name too long): set"),
    ],
)
def test_the_doctor_says_that_there_is_no_folder(tmp_path, home, advice):
    (tmp_path / "plain").touch()
    code = (
        "import pwd, os; from tfstyle import doctor\n"
        "pwd.getpwuid = {}.__getitem__; os.environ.pop('HOME')\n"
        "said = []\n"
        "print(doctor._cache(said), doctor._weights('vgg16', said), said)"
    )
    variables = {"TFSTYLE_HOME": home, "KERAS_HOME": "", "XDG_CACHE_HOME": ""}
    words = [sys.executable, "-c", code]
    done = programs.call(words, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert advice in done.stdout


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("pyvenv.cfg", "pip install"),
        ("pipx_metadata.json", "pipx install --force"),
        ("uv-receipt.toml", "uv tool install"),
    ],
)
def test_the_doctor_knows_how_extras_are_installed(file, command, tmp_path):
    (tmp_path / file).touch()
    code = (
        f"import sys; sys.prefix = {str(tmp_path)!r}\n"
        "from tfstyle import doctor\nprint(doctor._installer())"
    )
    done = programs.call([sys.executable, "-c", code], ROOT)
    assert done.stdout == f"{command}\n", done.stderr


@pytest.mark.parametrize(
    ("visible", "advice"),
    [
        (None, "TensorFlow does not see the GPU: pip install"),
        ("0,1", "TensorFlow does not see the GPU: pip install"),
        ("", "CUDA_VISIBLE_DEVICES='' hides the GPU: unset it"),
        ("-1", "CUDA_VISIBLE_DEVICES='-1' hides the GPU: unset it"),
    ],
)
def test_the_doctor_says_why_a_gpu_is_not_used(monkeypatch, visible, advice):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    code = (
        "import shutil; from tfstyle import doctor\n"
        "from tfstyle.runtime import devices\n"
        "devices.start = devices.precision = str\n"
        "shutil.which = lambda name: name; devices.kind = lambda: 'CPU'\n"
        "said = []; doctor._device(said); print(*said)"
    )
    variables = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    done = programs.call([sys.executable, "-c", code], ROOT, **variables)
    assert done.stdout.startswith(advice), done.stderr


def test_the_doctor_says_why_tensorflow_does_not_work(tmp_path):
    path = programs.poison(tmp_path)
    done = programs.call([sys.executable, "-m", "tfstyle.doctor"], ROOT, path)
    assert done.returncode == 1
    assert "\ndevice     none\n" in done.stdout
    assert "does not work here: imported too early" in done.stdout
    assert done.stderr == ""
