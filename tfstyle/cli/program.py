"""Runs a program: exit statuses, errors in one line, Ctrl-C.

| exit status | when                                                        |
|-------------|-------------------------------------------------------------|
| 0           | done, or `--help`                                           |
| 1           | bad input, or a full disk or memory: one line on stderr     |
| 2           | a wrong flag: one line on stderr                            |
| 130, 143    | ended by Ctrl-C, by SIGTERM                                 |

`TFSTYLE_DEBUG=1` shows the traceback of an error. Other exceptions are bugs
and always show it.
"""

import _thread
import codecs
import contextlib
import gc
import os
import re
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import app, flags

# Flags that are defined through this module belong to the calling program, and
# so to its --help.
flags.disclaim_key_flags()

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_BROKEN_PIPE = 128 + 13  # SIGPIPE, which Windows does not have.
# What absl says of a flag that is required and missing.
_MISSING = re.compile(r"flag --(\w+)=None: Flag --\1 must have a value")
_STOPPING = b"\nStopping; what is done is written. Ctrl-C again aborts.\n"


def run(main: Callable[..., int | None], arguments: int = 0) -> None:
    """Parses the flags, calls `main` and ends the process.

    Args:
        main: Function of the program. It receives the arguments that are not
            flags, and returns the exit status; `None` means 0.
        arguments: Maximum number of arguments that are not flags; more are
            an error.
    """
    signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _raise_again
    _open_streams()
    try:
        status = _call(main, arguments)
    except BrokenPipeError:
        # `--help | head` is not an error, but flushing would raise one.
        _discard_output()
        status = _BROKEN_PIPE
    except KeyboardInterrupt:
        status = _report("interrupted", 128 + signal.SIGINT)
    # Saves a garbage collection of TensorFlow's objects, which takes 0.9 s.
    gc.freeze()
    sys.exit(status)


class Interrupt:
    """Ends a run gracefully at the first Ctrl-C; a context manager.

    It is an `on_step` callback that is true after Ctrl-C or SIGTERM. A second
    signal raises `KeyboardInterrupt` at once. A signal that is ignored, such
    as Ctrl-C in the background of a script, stays ignored.

    Attributes:
        status: Exit status that the program should return: 0, or 130 after
            Ctrl-C and 143 after SIGTERM.
    """

    def __init__(self) -> None:
        self.status = 0

    def __enter__(self) -> "Interrupt":
        self._before = {
            number: signal.signal(number, self._ask)
            for number in _SIGNALS
            if signal.getsignal(number) != signal.SIG_IGN
        }
        return self

    def __exit__(self, *unused: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self, progress: object = None, picture: object = None) -> bool:
        """Whether the run should end."""
        return bool(self.status)

    def _ask(self, number: int, frame: types.FrameType | None) -> None:
        if self.status:
            raise KeyboardInterrupt
        self.status = 128 + number
        # Not print(): the signal may have come in the middle of one.
        os.write(2, _STOPPING)


@contextlib.contextmanager
def flag_errors() -> Iterator[None]:
    """Turns a `ValueError` of a setting into an error of its flag."""
    try:
        yield
    except ValueError as error:
        raise app.UsageError(_with_flags(str(error))) from error


def note(text: str) -> None:
    """Prints a note, which is not an error, on stderr."""
    print(f"note: {text}", file=sys.stderr)


def _call(main: Callable[..., int | None], most: int) -> int:
    try:
        arguments = _parse_flags(sys.argv)
        status = 0 if arguments is None else _main(main, arguments, most)
        sys.stdout.flush()  # Raises if the reader is gone or the disk full.
        return status
    except (flags.Error, app.UsageError) as error:
        return _report(f"error: {_of_flags(error)} (see --help)", 2)
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("TFSTYLE_DEBUG") or not isinstance(
            error, _expected()
        ):
            raise
        status = _report(f"error: {_message(error)}", 1)
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()  # Python would flush once more, and complain.
        return status


def _discard_output() -> None:
    """Sends what was printed, and cannot be written, nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _main(
    main: Callable[..., int | None], arguments: Sequence[str], most: int
) -> int:
    if len(arguments) > most:
        raise app.UsageError(f"Unexpected arguments: {arguments[most:]}")
    return main(*arguments) or 0


def _parse_flags(argv: Sequence[str]) -> list[str] | None:
    """Parses flags; returns the other arguments, or `None` after `--help`."""
    app.define_help_flags()
    try:
        _, *arguments = flags.FLAGS(argv)
    except SystemExit:
        return None  # Only the help flags of absl exit, and with status 1.
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        # An empty value usually comes from an unset shell variable.
        values = flag.value if isinstance(flag.value, list) else [flag.value]
        if "" in values and flag.default != "":
            raise app.UsageError(
                f"--{name} is empty: give a value, or omit the flag"
            )
    return arguments


def _expected() -> tuple[type[BaseException], ...]:
    """Types of errors caused by the user's input or machine, not by bugs."""
    from tfstyle.runtime import memory

    return ValueError, OSError, FloatingPointError, *memory.shortages()


def _message(error: BaseException) -> str:
    if isinstance(error, FileExistsError) and error.filename:
        return f"'{error.filename}' is a file. Expected: a folder."
    if isinstance(error, OSError) and error.strerror:
        where = f": '{error.filename}'" if error.filename else ""
        return f"{error.strerror}{where}"
    if isinstance(error, (ValueError, OSError, FloatingPointError)):
        text = _with_flags(str(error).strip())
        # Ours have at most three lines; longer ones come from libraries.
        return text if text.count("\n") < 3 else _one_line(error)
    detail = _with_flags(_one_line(error))[:200] or "no details"
    return f"out of memory; try a smaller size ({detail})"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _of_flags(error: BaseException) -> str:
    """Returns the text of an error of flags; missing ones are listed."""
    text = _one_line(error)
    missing = [f"--{name}=..." for name in _MISSING.findall(text)]
    return f"needs {', '.join(missing)}" if missing else text


def _with_flags(text: str) -> str:
    """Names the arguments in a message of the library like flags."""
    return re.sub(r"`(\w+)`", _as_flag, text)


def _as_flag(found: re.Match[str]) -> str:
    return f"--{found[1]}" if found[1] in flags.FLAGS else found[0]


def _report(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status


def _terminate(number: int, frame: types.FrameType | None) -> None:
    # Unlike the default handler, it unwinds: incomplete files are removed.
    sys.exit(128 + number)


def _raise_again(unraisable: Any) -> None:
    """Repeats a signal whose exception was raised where Python ignores it.

    One such place are the callbacks of garbage collection that JAX installs.
    """
    signals = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}
    number = signals.get(unraisable.exc_type)
    if number is None:
        sys.__unraisablehook__(unraisable)
        return
    threading.Timer(0.05, _thread.interrupt_main, [number]).start()


def _open_streams() -> None:
    """Makes printing safe: closed streams and characters without encoding."""
    codecs.register_error(_shown.__name__, _shown)
    for number in range(3):
        _fill(number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:  # It was closed: `>&-`.
            stream = os.fdopen(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        getattr(sys, name).reconfigure(errors=_shown.__name__)


def _fill(number: int) -> None:
    """Opens nothing at a standard descriptor that was closed.

    Else any other file may get its number, and what is printed.
    """
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # Gets the lowest number that is free.
        os.set_inheritable(number, True)


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encodes what a stream cannot: bytes of file names, else escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start = error.object, error.start
    first = UnicodeEncodeError("", text, start, start + 1, error.reason)
    try:
        return codecs.lookup_error("surrogateescape")(first)
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(first)
