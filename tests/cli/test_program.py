import os
import shlex
import signal
import subprocess

import pytest

import helpers
import programs


def test_help_prints_docstring_and_flags(call):
    process = call("--help")
    assert (process.returncode, process.stderr) == (0, "")
    assert "python -m program --name=dog" in process.stdout
    for line in [
        "--name: A name.",
        "--layers: Layers.",
        "default: 'a:1,b:0.5'",
        "default: '1,0.5'",
    ]:
        assert line in process.stdout


def test_help_loads_nothing_that_is_slow(command, tmp_path):
    poison = programs.poison(tmp_path, programs.SLOW)
    process = programs.call([*command, "--help"], tmp_path, poison)
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize("flag", ["--helpfull", "--helpxml", "--helpshort"])
def test_other_helps_of_absl_are_no_errors(call, flag):
    process = call(flag)
    assert (process.returncode, process.stderr) == (0, "")
    assert "layers" in process.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], "error: needs --name=... (see", id="required"),
        pytest.param(["dog"], "error: needs --name=... (see", id="no flag"),
        pytest.param(["--nam=dog"], "'nam'. Did you mean: name", id="unknown"),
        pytest.param(["--name=dog", "cat"], "['cat']", id="argument"),
        pytest.param(["--name=dog", "--steps=x"], "--steps=x", id="no number"),
        pytest.param(["--name=dog", "--steps=0"], "--steps=0", id="bound"),
        pytest.param(["--name=dog", "--layers=a:-1"], "--layers", id="weight"),
        pytest.param(["--name=dog", "--mix=1,x"], "--mix=1,x", id="numbers"),
        pytest.param(["--name=dog", "--at=1,-1"], "--at=1,-1", id="indices"),
    ],
)
def test_flag_error_is_one_line_and_status_2(call, arguments, expected):
    process = call(*arguments)
    programs.check_refused(process, 2, expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("raise ValueError('bad size')", "bad size"),
        ("open('nowhere.png')", "No such file or directory: 'nowhere.png'"),
        ("raise FileNotFoundError('no photo')", "no photo"),
        ("raise FloatingPointError('NaN at step 3')", "NaN at step 3"),
        (
            "raise MemoryError('3 GiB')",
            "out of memory; try a smaller size (3 GiB)",
        ),
        (
            "raise MemoryError",
            "out of memory; try a smaller size (no details)",
        ),
        (
            "with open('/dev/full', 'w') as f: f.write('x')",
            "No space left on device",
        ),
        (
            "resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))\n"
            "with open('x', 'w') as f: f.write('x' * 10)",
            "File too large",
        ),
        (
            "import tensorflow as tf\n"
            "raise tf.errors.ResourceExhaustedError(None, None, 'OOM\\nhere')",
            "out of memory; try a smaller size (OOM here)",
        ),
        ("raise ValueError('a\\nb\\nc\\nd')", "a b c d"),
        ("raise ValueError('a\\nb\\nc')", "a\nb\nc"),
    ],
)
def test_error_is_said_without_a_traceback_and_status_1(call, code, expected):
    process = call("--name=dog", f"--code={code}")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr.endswith(f"error: {expected}\n")
    assert "Traceback" not in process.stderr


def test_numbers_are_read(call):
    process = call("--name=dog", "--mix=0.7,-3", "--code=print(_MIX.value)")
    assert process.stdout == "(0.7, -3.0)\n"
    process = call("--name=dog", "--at=3, 17", "--code=print(_AT.value)")
    assert process.stdout == "(3, 17)\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_full_disk_behind_stdout_is_an_error(command, unbuffered):
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [*command, "--name=dog", "--code=print('x')"],
            env=helpers.environment(PYTHONUNBUFFERED=unbuffered),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert process.returncode == 1
    assert process.stderr == "error: No space left on device\n"


def test_debugging_shows_the_traceback(call):
    code = "--code=raise ValueError('bad size')"
    process = call("--name=dog", code, TFSTYLE_DEBUG="1")
    assert process.returncode == 1
    assert process.stderr.startswith("Traceback")


def test_bug_shows_the_traceback(call):
    process = call("--name=dog", "--code=raise KeyError('x')")
    assert process.returncode == 1
    assert process.stderr.startswith("Traceback")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--name=dog", "--code=print('x')"]]
)
def test_reader_that_is_gone_is_no_error(command, arguments):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [*command, *arguments],
        env=helpers.environment(),
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert process.stderr == b""
    assert process.returncode == 128 + signal.SIGPIPE


# As the start of TensorFlow, and another process that has something to say.
TALKING = """
import sys
from tfstyle.runtime import chatter
with chatter.hidden():
    print("x", file=sys.stderr)
assert os.system("echo z >&2") == 0
open("done", "w").close()
print("y")
"""


@pytest.mark.parametrize(
    "closed",
    [">&-", "2>&-", "<&- 2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"],
)
def test_closed_streams_are_no_error(command, tmp_path, closed):
    line = shlex.join([*command, "--name=dog", f"--code={TALKING}"])
    process = subprocess.run(
        f"exec {line} {closed}",
        shell=True,
        cwd=tmp_path,
        env=helpers.environment(),
    )
    assert process.returncode == 0
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", rb"\u732b M\xf6we"), ("utf-8", "\u732b Möwe".encode())],
)
def test_names_are_shown_as_they_are_and_what_cannot_be_is_escaped(
    command, encoding, shown
):
    # The last byte is Latin-1, as in names of files from other systems.
    code = "--code=print('\\u732b M\\xf6we' + chr(0xdce9))"
    for more in ("", "; raise ValueError(chr(0xdce9))"):
        process = subprocess.run(
            [*command, "--name=dog", code + more],
            env=helpers.environment(PYTHONIOENCODING=encoding),
            capture_output=True,
        )
        assert process.stdout == shown + b"\xe9\n"
        assert process.returncode == bool(more)
        assert process.stderr == (b"error: \xe9\n" if more else b"")


def test_names_are_shown_in_the_plain_locale(command):
    plain = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    process = subprocess.run(
        [*command, b"--name=M\xc3\xb6we\xe9", "--code=print(_NAME.value)"],
        env=helpers.environment(**plain),
        capture_output=True,
    )
    assert process.stdout == b"M\xc3\xb6we\xe9\n"


def test_an_empty_flag_is_refused(call):
    process = call("--name=")
    assert process.returncode == 2
    assert process.stderr.startswith("error: --name is empty: give a value")


@pytest.mark.parametrize("flags", [["--other="], ["--other=a", "--other="]])
def test_an_empty_value_of_several_is_refused(call, flags):
    process = call("--name=dog", *flags)
    assert process.returncode == 2
    assert process.stderr.startswith("error: --other is empty: give a value")


def test_errors_name_arguments_as_flags(call):
    process = call("--name=dog", "--code=raise ValueError('`name` is wrong')")
    assert process.stderr == "error: --name is wrong\n"


def test_weights_flag_gives_a_mapping(call):
    process = call("--name=dog", "--layers=c:2", "--code=print(_LAYERS.value)")
    assert process.stdout == "{'c': 2.0}\n"
    process = call("--name=dog", "--code=print(_LAYERS.value)")
    assert process.stdout == "{'a': 1.0, 'b': 0.5}\n"
