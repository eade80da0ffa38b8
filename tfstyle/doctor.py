r"""Says what is installed, found and fast here, and what to do about the rest.

  python -m tfstyle.doctor

Copy its lines into a report of a problem. The exit status is 1 if nothing can
be painted here.
"""

import importlib.metadata
import os
import pathlib
import platform
import re
import shutil
import sys
from collections.abc import Iterator

from tfstyle.cli import program
from tfstyle.version import __version__

_PACKAGES = ("tensorflow", "keras", "jax", "numpy", "pillow", "h5py")
# Extras for users, not those of people who change the code.
_INTERNAL = {"docs", "lint", "test"}
_NETWORKS = ("vgg_distilled", "vgg16", "vgg19")
# Files that tools for programs leave in the environment that they make.
_TOOLS = {
    "pipx_metadata.json": "pipx install --force",
    "uv-receipt.toml": "uv tool install",
}
_LITTLE_MEMORY, _LITTLE_DISK = 2e9, 1e9  # Bytes.


def main() -> int:
    """Prints a line for each thing; returns the exit status."""
    advice: list[str] = []
    print(f"tfstyle    {__version__}, Python {platform.python_version()}")
    print(f"system     {platform.platform()}")
    print(f"packages   {', '.join(_packages())}")
    print(f"extras     {', '.join(_extras(advice))}")
    print(f"processor  {_processor()}")
    print(f"memory     {_memory(advice)}")
    print(f"cache      {_cache(advice)}")
    for name in _NETWORKS:
        print(f"weights    {name}: {_weights(name, advice)}")
    device = _device(advice)
    print(f"device     {device or 'none'}")
    for text in advice:
        print(f"advice     {text}")
    return 0 if device else 1


def _packages() -> Iterator[str]:
    for name in _PACKAGES:
        if version := _version(name):
            yield f"{name} {version}"


def _version(name: str) -> str:
    """Version of a package that is installed; empty without it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _extras(advice: list[str]) -> Iterator[str]:
    """Names the extras, and says which packages of them are missing."""
    needed: dict[str, list[str]] = {}
    lacking = []
    try:
        lines = importlib.metadata.requires("tfstyle") or []
    except importlib.metadata.PackageNotFoundError:
        yield "not known: tfstyle is not installed, but run from a folder"
        return
    for line in lines:
        if found := re.match(r"([\w.-]+).*extra == [\"'](\w+)[\"']", line):
            needed.setdefault(found[2], []).append(found[1])
    for extra in sorted(needed.keys() - _INTERNAL):
        missing = [name for name in needed[extra] if not _version(name)]
        yield f"{extra} without {' '.join(missing)}" if missing else extra
        if missing:
            lacking.append(extra)
    if lacking:
        names = ",".join(lacking)
        advice.append(
            f"Only if you need them: {_installer()} 'tfstyle[{names}]'"
        )


def _installer() -> str:
    """Command that installs extras where tfstyle is installed."""
    for name, command in _TOOLS.items():
        if (pathlib.Path(sys.prefix) / name).exists():
            return command
    return "pip install"


def _processor() -> str:
    from tfstyle.runtime import processor

    names = {
        "AVX2": "avx2" in processor.flags(),
        "AVX-512": processor.has_avx512(),
        "bfloat16": processor.has_bfloat16(),
        "oneDNN": processor.has_onednn(),
    }
    found = [name for name, there in names.items() if there]
    return ", ".join([f"{processor.cores()} cores", platform.machine(), *found])


def _memory(advice: list[str]) -> str:
    from tfstyle.runtime import checks, host_memory

    free = host_memory.available()
    if free < _LITTLE_MEMORY:
        advice.append("Close other programs, or paint smaller pictures.")
    return f"{checks.units(free)} free"


def _cache(advice: list[str]) -> str:
    from tfstyle.pretrained import cache
    from tfstyle.runtime import checks

    try:
        folder = cache.folder()
    except FileNotFoundError as error:
        advice.append(str(error))
        return "none"
    try:
        there = _nearest(folder)
    except OSError as error:
        advice.append(
            f"'{folder}' cannot be used ({error.strerror}): set TFSTYLE_HOME "
            "to a folder."
        )
        return f"{folder}, cannot be used"
    free = shutil.disk_usage(there).free
    if not there.is_dir():
        advice.append(f"'{there}' is a file: set TFSTYLE_HOME to a folder.")
    elif not os.access(there, os.W_OK):
        advice.append(f"'{there}' is read-only: set TFSTYLE_HOME to a folder.")
    elif free < _LITTLE_DISK:
        advice.append(f"The disk of '{there}' is nearly full.")
    offline = "; TFSTYLE_OFFLINE is set" if cache.is_offline() else ""
    return f"{folder}, {checks.units(free)} free{offline}"


def _nearest(path: pathlib.Path) -> pathlib.Path:
    """Returns a path, or the first above it that exists."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _nearest(path.parent)
    return path


def _weights(name: str, advice: list[str]) -> str:
    from tfstyle.pretrained import cache, weights

    try:
        found = cache.find(weights.FILES[name])
    except FileNotFoundError:
        return "not here"  # `_cache` has said why.
    if found:
        return str(found.path)
    advice += [
        f"'{path}' is not the published file, or cannot be read: remove it, "
        "or change its permissions."
        for path in cache.unusable(weights.FILES[name])
    ]
    if cache.is_offline():
        advice.append(f"Copy {weights.FILES[name].url} to {cache.folder()}")
        return "not here; TFSTYLE_OFFLINE forbids downloads"
    return "not here; downloaded when it is needed"


def _device(advice: list[str]) -> str:
    """Device and precision; empty if neither TensorFlow nor Keras works."""
    from tfstyle.runtime import devices

    try:
        devices.start()
        kind, precision = devices.kind(), devices.precision()
    except Exception as error:  # Whatever an installation fails with.
        reason = " ".join(str(error).split()) or type(error).__name__
        advice.append(f"TensorFlow does not work here: {reason}")
        return ""
    if kind == "CPU" and shutil.which("nvidia-smi"):
        advice.append(_hidden_gpu())
    return f"{kind}, {precision}"


def _hidden_gpu() -> str:
    """Advice where there is a GPU, but none for TensorFlow."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    if not visible or visible.startswith("-"):
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides the GPU: unset it."
    return "TensorFlow does not see the GPU: pip install 'tensorflow[and-cuda]'"


if __name__ == "__main__":
    program.run(main)
