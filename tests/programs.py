"""Programs in processes of their own, as users run them."""

import contextlib
import hashlib
import signal
import subprocess
import sys
import time

import helpers


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
        timeout=120,
    )


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


def wait_for_lines(process, path, count):
    """Until the run has written so many lines to a file, or ends."""
    end = time.monotonic() + 300
    while process.poll() is None:
        if path.exists() and path.read_text().count("\n") >= count:
            break
        assert time.monotonic() < end, "it did not write them"
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


def seconds(words, folder, *paths):
    """Of the quickest of three runs: other processes share the cores."""
    taken = []
    for _ in range(3):
        begin = time.monotonic()
        call(words, folder, *paths)
        taken.append(time.monotonic() - begin)
    return min(taken)


def poison(folder):
    """A path for imports from which TensorFlow and Keras raise."""
    for name in ("tensorflow", "keras"):
        module = folder / "poison" / name / "__init__.py"
        module.parent.mkdir(parents=True)
        module.write_text("raise RuntimeError('imported too early')")


def contents(folder):
    """Hashes of all files in a folder and in those within."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
