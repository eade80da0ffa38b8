r"""Opens a page to paint, mask and watch: the studio.

  python -m tfstyle.studio --open

The page is for this machine alone: open the address that is printed, which
holds its token. Photographs, pictures and their recipes are kept in --output;
the same command finds them again. Ctrl-C ends the program and keeps the
picture that is being painted, which "Go on" continues; a second one aborts.

Nothing is sent to another machine, and nothing is downloaded.
"""

import importlib
import os
import pathlib
import secrets
import signal
import sys
import webbrowser

from absl import flags

from tfstyle.cli import program

_PORT = flags.DEFINE_integer(
    "port",
    8600,
    "Port of the page at 127.0.0.1; 0 for any that is free.",
    lower_bound=0,
    upper_bound=65535,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    "studio",
    "Folder of images, pictures and recipes; it is made if it is missing.",
)
_OPEN = flags.DEFINE_bool("open", False, "Opens the page in the browser.")


def main() -> None:
    """Serves the page until Ctrl-C."""
    if not _has_aiohttp():
        raise ValueError(
            "The studio needs aiohttp: pip install 'tfstyle[studio]'"
        )
    os.environ["TFSTYLE_OFFLINE"] = "1"
    from tfstyle.web import app, guard

    listening = app.listen(_PORT.value)
    root = pathlib.Path(_OUTPUT.value).absolute()
    root.mkdir(0o700, parents=True, exist_ok=True)  # Of this user alone.
    token = guard.token(root)
    port = listening.getsockname()[1]
    address = f"http://127.0.0.1:{port}/?token="
    print(f"Studio: {address}{token}\nPictures: {root}\nCtrl-C ends it.")
    sys.stdout.flush()
    once = secrets.token_urlsafe()
    if _OPEN.value:
        webbrowser.open(address + once)
    app.run(root, listening, token, once, _end)


def _end() -> None:
    """Says what happens, and leaves further signals to the system.

    A picture of one pass is not stopped, and Python would wait for its thread.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    print(
        "\nStopping; what is painted is kept. Ctrl-C again aborts.",
        file=sys.stderr,
        flush=True,
    )


def _has_aiohttp() -> bool:
    try:
        importlib.import_module("aiohttp")
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    program.run(main)
