"""Shared parts of the programs here: exit statuses, one-line errors, flags.

Works like `tfstyle.cli.program`, which clients do not have installed: status 0
on success or after --help, 1 for an error, 2 for a wrong flag, 130 and 143
after Ctrl-C and SIGTERM.
"""

import _thread
import codecs
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from absl import app, flags

# Flags that are defined here belong to the calling program and its --help.
flags.disclaim_key_flags()

_LONGEST = 24 * 60 * 60  # Of --timeout; gRPC ends at once if it is far longer.
_BROKEN_PIPE = 128 + 13  # SIGPIPE, which Windows does not have.
# What absl says of a flag that is required and missing.
_MISSING = re.compile(r"flag --(\w+)=None: Flag --\1 must have a value")


def run(main: Callable[[], int | None]) -> None:
    """Parses the flags, calls `main` and ends the process.

    Arguments that are not flags are an error.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.unraisablehook = _raise_again
    _open_streams()
    try:
        status = _call(main)
    except BrokenPipeError:
        # `--help | head` is no error. Python would complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = _BROKEN_PIPE
    except KeyboardInterrupt:
        status = _report("interrupted", 128 + signal.SIGINT)
    sys.exit(status)


def define_client_flags(server: str) -> None:
    """Defines the flags of clients; `server` is the default address."""
    flags.DEFINE_string("server", server, "Address of the model server.")
    flags.DEFINE_string(
        "content",
        None,
        "Photograph to paint, or a folder with them and with subfolders.",
        required=True,
    )
    flags.DEFINE_string(
        "style", None, "Picture to take the style of.", required=True
    )
    flags.DEFINE_string(
        "output", None, "File (.png, .jpg) or folder to write.", required=True
    )
    flags.DEFINE_string("model", "style", "Name of the model on the server.")
    flags.DEFINE_integer(
        "version",
        None,
        "Version of the model; the server's choice if not given.",
        lower_bound=0,
    )
    flags.DEFINE_string(
        "label",
        None,
        "Label of a version, such as canary; instead of --version.",
    )
    flags.register_multi_flags_validator(
        ["version", "label"],
        lambda given: None in given.values(),
        "Give either --version or --label.",
    )
    flags.DEFINE_float(
        "strength",
        1.0,
        "Strength of the style, from 0 (the photograph) to 1.",
        lower_bound=0,
        upper_bound=1,
    )
    flags.DEFINE_integer(
        "size",
        None,
        "Longer side of the pictures, in pixels; smaller photographs keep "
        "theirs. If not given, all do.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "style_size",
        512,
        "Longer side at which the style is seen, in pixels; 0 for that of the "
        "file.",
        lower_bound=0,
    )
    define_timeout("Seconds to wait for each photograph.")
    flags.DEFINE_integer(
        "parallel", 2, "Largest number of requests at a time.", lower_bound=1
    )


def define_timeout(text: str) -> None:
    """Defines --timeout: what gRPC and sockets take, and so not inf."""
    flags.DEFINE_float("timeout", 60.0, text, lower_bound=0.001)
    flags.register_validator(
        "timeout",
        lambda seconds: seconds <= _LONGEST,  # Not so: nan.
        f"must be a number of at most {_LONGEST} seconds, which is a day.",
    )


def paint(client: Any) -> int:
    """Stylizes the photographs of --content; returns the exit status."""
    # Pillow takes a while to load; --help and bad flags answer at once.
    from serving import batch, pictures

    # Of metadata that are not used, and of many pixels.
    warnings.filterwarnings("ignore", module="PIL")
    values = flags.FLAGS
    if os.path.isdir(values.content):
        for ending, count in pictures.unreadable(values.content).items():
            note(
                f"files that end in {ending} cannot be read; convert them to "
                f"JPEG. Left out: {count}"
            )
    jobs = batch.plan(values.content, values.output, values.style)
    failures = batch.paint(
        client,
        jobs,
        values.style,
        strength=values.strength,
        size=values.size,
        style_size=values.style_size,
        parallel=values.parallel,
        say=print,
        complain=complain,
        note=note,
    )
    if failures and len(jobs) > 1:
        complain(f"{failures} of {len(jobs)} photographs failed")
    return 1 if failures else 0


def note(text: str) -> None:
    """Prints a note to stderr."""
    print(f"note: {text}", file=sys.stderr)


def complain(text: str) -> None:
    """Prints an error to stderr without ending the program."""
    print(f"error: {text}", file=sys.stderr)


def _call(main: Callable[[], int | None]) -> int:
    try:
        app.define_help_flags()
        try:
            _, *arguments = flags.FLAGS(sys.argv)
        except SystemExit:
            return 0  # Only the help flags of absl exit, and with status 1.
        if arguments:
            raise app.UsageError(f"Unexpected arguments: {arguments}")
        status = main() or 0
        sys.stdout.flush()  # A reader that is gone, or a full disk.
        return status
    except (flags.Error, app.UsageError) as error:
        return _report(f"error: {_of_flags(error)} (see --help)", 2)
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("TFSTYLE_DEBUG") or not _expected(error):
            raise
        return _report(f"error: {_message(error)}", 1)


def _open_streams() -> None:
    """Makes printing safe: closed streams, names that are not valid text."""
    codecs.register_error(_shown.__name__, _shown)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # It was closed: `>&-`.
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nowhere)
        getattr(sys, name).reconfigure(errors=_shown.__name__)


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encodes characters that a stream cannot: as raw bytes, or escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start = error.object, error.start
    first = UnicodeEncodeError("", text, start, start + 1, error.reason)
    try:
        return codecs.lookup_error("surrogateescape")(first)
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(first)


def _raise_again(unraisable: Any) -> None:
    """Repeats a signal whose exception was raised where Python ignores it.

    An example is a callback of the garbage collector, as JAX registers.
    """
    signals = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}
    number = signals.get(unraisable.exc_type)
    if number is None:
        sys.__unraisablehook__(unraisable)
        return
    threading.Timer(0.05, _thread.interrupt_main, [number]).start()


def _expected(error: BaseException) -> bool:
    """Returns whether the user's input, server or machine caused an error."""
    kinds: tuple[type[BaseException], ...] = (ValueError, OSError)
    # Looked up, not imported: most programs need few of these modules.
    client: Any = sys.modules.get("serving.style_client")
    if client is not None:
        kinds = (*kinds, client.ServingError)
    return isinstance(error, kinds)


def _of_flags(error: BaseException) -> str:
    """Returns the text of an error of flags; missing ones are listed."""
    text = _one_line(error)
    missing = [f"--{name}=..." for name in _MISSING.findall(text)]
    return f"needs {', '.join(missing)}" if missing else text


def _message(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": '{error.filename}'" if error.filename else ""
        return f"{error.strerror}{where}"
    return _one_line(error)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _report(line: str, status: int) -> int:
    print(line, file=sys.stderr)
    return status
