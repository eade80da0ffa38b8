"""Hides the notices that TensorFlow and LiteRT write to every terminal.

They come from C++, before `TF_CPP_MIN_LOG_LEVEL` is read: no level hides them.
So the file descriptor of stderr is a pipe during the start, and a child
process, which runs this file, forwards all other lines.

A thread, or a file that is read afterwards, would not do: whatever is written
before the process aborts or is killed must get through, and at once, such as
when a worker waits for the others. The child takes 20 ms of a processor,
beside the import of TensorFlow.
"""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import IO, cast

# Lines of TensorFlow 2.18 to 2.21. None of them reports a missing driver or
# library of a GPU that is present.
_CHATTER = re.compile(
    rb"""
    ^I\d{4}\ |^\d{4}-\d\d-\d\d\ [\d:.]+:\ I\     # Level: information.
    |All\ log\ messages\ before\ absl::InitializeLog
    |^To\ enable\ the\ following\ instructions:   # Second line of a notice.
    |failed\ call\ to\ cuInit:.*(\(303\)|NO_DEVICE|no\ CUDA-capable\ device)
    |Unable\ to\ register\ cu(FFT|DNN|BLAS)\ factory
    |computation\ placer\ already\ registered
    |^W.*flatbuffer_helpers\.cc:\d+\]\ Ignored    # Options of a converter.
    |^INFO:\ Created\ TensorFlow\ Lite\ XNNPACK
    |TF-TRT\ Warning:\ Could\ not\ find\ TensorRT
    """,
    re.VERBOSE,
)


@contextlib.contextmanager
def hidden() -> Iterator[None]:
    """Hides the notices on stderr while the block runs.

    Raises:
        OSError: The child process cannot be started.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # Ctrl-C is not meant for it: on Unix, and on Windows.
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    ) as process:
        pipe = cast(IO[bytes], process.stdin)
        os.dup2(pipe.fileno(), 2)
        pipe.close()
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def is_chatter(line: bytes) -> bool:
    """Whether a line of stderr is one of TensorFlow's notices.

    >>> is_chatter(b"I0000 00:00:1.2 34 port.cc:153] oneDNN is on.")
    True
    """
    return _CHATTER.search(line) is not None


def _pass_on(source: IO[bytes], target: IO[bytes]) -> None:
    for line in source:
        if not is_chatter(line):
            target.write(line)
            target.flush()


if __name__ == "__main__":
    _pass_on(sys.stdin.buffer, sys.stderr.buffer)
