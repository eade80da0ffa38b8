r"""Runs the steps of the Dockerfile in a bare Debian root, where Docker is not.

  debootstrap --variant=minbase trixie root
  python docs/measurements/bare_root.py root cpu
  python docs/measurements/bare_root.py root cpu tfstyle --doctor

As root, on Linux. The first call does what `docker build --target cpu` does,
the second runs a command as `docker run` would; without words, or with CMD or
HEALTHCHECK, those of the image.
Layers, limits and networks of Docker are not imitated.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

SOURCE = pathlib.Path(__file__).parents[2]
# What a build passes on of the machine it runs on.
_PASSED = ("http_proxy", "https_proxy", "no_proxy", "PIP_CERT")
# Root, user, working folder, and the words of a command.
_ENTER = """\
for name in dev proc; do mount --rbind /$name "$1/$name" || exit; done
folder=$3 user=$2 root=$1; shift 3
exec chroot --userspec="$user:$user" "$root" \
  sh -c 'cd "$1" && shift && exec "$@"' - "$folder" "$@"
"""


class Image:
    """A root folder, and what instructions have set for its processes.

    Args:
        root: Folder of a bare Debian.
    """

    def __init__(self, root: pathlib.Path) -> None:
        self.root, self.user, self.folder = root, "0", "/"
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.variables = {"PATH": path}
        self.ends: dict[str, list[str]] = {}

    def follow(self, name: str, rest: str, build: bool) -> None:
        """Does one instruction; without `build`, only what a run needs."""
        if name == "ENV":
            for key, value in re.findall(r"(\w+)=(\S+)", rest):
                path = self.variables["PATH"]
                self.variables[key] = value.replace("$PATH", path)
        elif name == "WORKDIR":
            self.folder = rest
        elif name == "USER":
            self.user = rest
        elif name == "CMD":
            self.ends[name] = json.loads(rest)
        elif name == "HEALTHCHECK":
            self.ends[name] = json.loads(rest.partition("CMD ")[2])
        elif name == "COPY" and build:
            source, target = rest.split()
            self.copy(SOURCE / source, target)
        elif name == "RUN" and build:
            self.step(rest)

    def copy(self, source: pathlib.Path, target: str) -> None:
        """Copies a folder, without what .dockerignore leaves out."""
        place = self.root / target.lstrip("/")
        place.mkdir(parents=True, exist_ok=True)
        without = ["--exclude=__pycache__", "--exclude=*.egg-info"]
        pack = ["tar", "-C", os.fspath(source), *without, "-c", "."]
        packed = subprocess.run(pack, check=True, stdout=subprocess.PIPE)
        unpack = ["tar", "-C", os.fspath(place), "-x", "--no-same-owner"]
        subprocess.run(unpack, check=True, input=packed.stdout)

    def step(self, line: str) -> None:
        """Runs a line of shell, with the sources at the place of its mount."""
        mount = re.match(r"--mount=type=bind,target=(\S+),rw ", line)
        if mount:
            line = line[mount.end() :]
            for name in ("LICENSE", "README.md", "pyproject.toml", "setup.cfg"):
                place = self.root / mount[1].lstrip("/")
                place.mkdir(exist_ok=True)
                (place / name).write_bytes((SOURCE / name).read_bytes())
            self.copy(SOURCE / "tfstyle", f"{mount[1]}/tfstyle")
        self.run(["sh", "-c", line])
        if mount:
            subprocess.run(["rm", "-r", self.root / mount[1].lstrip("/")])

    def run(self, words: list[str]) -> None:
        """Runs a command; raises `CalledProcessError` if it fails."""
        passed = {n: os.environ[n] for n in _PASSED if n in os.environ}
        subprocess.run(
            # Mounts end with the process, and are seen by no other.
            ["unshare", "--mount", "sh", "-c", _ENTER, "-"]
            + [os.fspath(self.root), self.user, self.folder, *words],
            env={**passed, **self.variables},
            check=True,
        )


def instructions(target: str) -> Iterator[tuple[str, str]]:
    """Yields the instructions of a stage, after those that it begins from."""
    text = (SOURCE / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    stages: dict[str, list[tuple[str, str]]] = {}
    for line in filter(str.strip, lines):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            source, _, stage = rest.partition(" AS ")
            stages[stage] = list(stages.get(source, []))
        else:
            stages[stage].append((name, " ".join(rest.split())))
    yield from stages[target]


def main() -> None:
    """Builds, or runs the words after root and target."""
    root, target, *words = sys.argv[1:]
    image = Image(pathlib.Path(root).absolute())
    built = image.root / f".built-{target}"
    build = not built.exists()
    for name, rest in instructions(target):
        if build:
            print(f"{name} {rest}", flush=True)
        image.follow(name, rest, build)
    if not build:
        words = words or ["CMD"]
        image.run(image.ends.get(words[0], words))
    built.touch()


if __name__ == "__main__":
    main()
