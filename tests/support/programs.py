"""Programs in processes of their own, as users run them."""

import contextlib
import hashlib
import multiprocessing
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time

import helpers

# Seconds that anything may take. Only what never comes to an end takes longer,
# also where other work leaves little of the machine.
PATIENCE = 600
# Modules that take more than a few hundredths of a second to load.
SLOW = ("tensorflow", "keras", "numpy", "PIL", "h5py", "grpc", "requests")
TENSORFLOW = ("tensorflow", "keras")
# Has loaded what takes a program 3 s, and forks.
_LOADED = multiprocessing.get_context("forkserver")
_LOADED.set_forkserver_preload(["tfstyle", "tensorflow", "keras", "programs"])


def command(program, flags):
    """The words of `python -m program`.

    A list repeats its flag; `None` leaves one out.
    """
    words = [sys.executable, "-m", program]
    for name, value in flags.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}={v}" for v in values if v is not None]
    return words


def with_small_files(words, kilobytes):
    """The words of a run that can write no larger files.

    A limit set between fork and exec is not safe where other tests of the
    process left threads of gRPC: these ended the run with SIGABRT.
    """
    return ["bash", "-c", f'ulimit -f {kilobytes} && exec "$@"', "-", *words]


def call(words, folder, *paths, **variables):
    """A run in a folder; `paths` are looked at first by imports."""
    return subprocess.run(
        words,
        cwd=folder,
        env=helpers.environment(*paths, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def fork(words, folder, hidden=()):
    """As `call`, by a process that has TensorFlow loaded already.

    The environment is that of the first call; imports of `hidden` modules fail.
    """
    folder = pathlib.Path(folder).absolute()
    with tempfile.TemporaryDirectory() as streams:
        paths = [os.path.join(streams, name) for name in ("stdout", "stderr")]
        process = _LOADED.Process(
            target=_run, args=(words, folder, paths, hidden)
        )
        process.start()
        process.join(PATIENCE)
        assert process.exitcode is not None, "it does not end"
        said = [pathlib.Path(path).read_text() for path in paths]
    return subprocess.CompletedProcess(words, process.exitcode, *said)


def _run(words, folder, paths, hidden):
    for descriptor, path in enumerate(paths, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.chdir(folder)
    sys.modules.update(dict.fromkeys(hidden))
    _, _, program, *sys.argv[1:] = words
    sys.path.insert(0, os.fspath(folder))
    runpy.run_module(program, run_name="__main__", alter_sys=True)


def start(words, folder, stderr=subprocess.PIPE, **variables):
    """A run that goes on while the test does."""
    return subprocess.Popen(
        words,
        cwd=folder,
        env=helpers.environment(**variables),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


@contextlib.contextmanager
def ctrl_c_ignored():
    """Within, programs start as the background jobs of a script do."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def end(process):
    """Waits for a run to end; its `stdout` and `stderr` are text then."""
    process.stdout, process.stderr = process.communicate(timeout=PATIENCE)


def wait_for_lines(process, path, count):
    """Until the run has written so many lines to a file, or ends."""
    last = time.monotonic() + PATIENCE
    while process.poll() is None:
        if path.exists() and path.read_text().count("\n") >= count:
            break
        assert time.monotonic() < last, "it did not write them"
        time.sleep(0.01)


def said(process):
    """Lines on stderr, but for the progress bar and notes."""
    return [
        line
        for line in process.stderr.splitlines()
        if line and "%|" not in line and not line.startswith("note: ")
    ]


def check_refused(process, status, expected):
    """A run ended with one line on stderr, and made nothing."""
    assert (process.returncode, process.stdout) == (status, "")
    assert process.stderr.startswith("error: ")
    assert expected in process.stderr
    assert process.stderr.count("\n") == 1


def poison(folder, names=TENSORFLOW):
    """A path for imports from which these modules raise."""
    for name in names:
        module = folder / "poison" / name / "__init__.py"
        module.parent.mkdir(parents=True)
        module.write_text("raise RuntimeError('imported too early')")
    return folder / "poison"


def help_of(program, folder):
    """What it says on `--help`, for which it may load nothing that is slow."""
    words = command(program, {"help": "true"})
    process = call(words, folder, poison(folder, SLOW))
    assert (process.returncode, process.stderr) == (0, "")
    assert f"python -m {program}" in process.stdout
    return process.stdout


def contents(folder):
    """Hashes of all files in a folder and in those within."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
