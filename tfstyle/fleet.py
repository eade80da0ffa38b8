r"""Paints a collection of any length on all processors or machines, by Ray.

A folder, on this machine:

  python -m tfstyle.fleet --content=photographs --style=wave.jpg \
      --output=painted

A list in an object store, on a cluster that runs already; workers reach the
files by themselves:

  python -m tfstyle.fleet --content=s3://photos/list.parquet \
      --style=s3://photos/wave.jpg --output=s3://painted/wave \
      --cluster=10.0.0.1:6379 --gpus_per_worker=1

How many pictures that are, how long they take and how much room, by painting
a few:

  python -m tfstyle.fleet --content=photographs --style=wave.jpg \
      --output=painted --dry_run

A list is a .txt file with a photograph on each line, or a .jsonl or .parquet
file whose rows have content and, as they need, styles, output and settings.

The same command goes on where a run ended, however it ended. Photographs that
cannot be painted are listed in _manifest/failures.jsonl of the output; the
exit status is then 1.
"""

import dataclasses
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from absl import flags

from tfstyle.adain.config import TransferConfig
from tfstyle.cli import common_flags, notes, program, settings_flags
from tfstyle.controls.settings import Controls
from tfstyle.optimization.config import GatysConfig

if TYPE_CHECKING:
    import tqdm

    from tfstyle.pipelines.painters import Loader
    from tfstyle.worklists.runs import Plan

_BEGAN = time.monotonic()
_KINDS = {"transfer": TransferConfig, "optimize": GatysConfig}

_CONTENT = flags.DEFINE_string(
    "content",
    None,
    "Folder, pattern or list (.txt, .jsonl, .parquet) of photographs, also an "
    "address such as s3://bucket/photos.",
    required=True,
)
_STYLE = flags.DEFINE_multi_string(
    "style",
    [],
    "Picture to take the style of; repeat it to blend several. Rows of a list "
    "may have their own.",
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "Folder to write to, or an address such as s3://bucket/painted.",
    required=True,
)
_ENGINE = flags.DEFINE_enum(
    "engine",
    "transfer",
    _KINDS,
    "Program that paints, whose settings can be given: transfer or optimize.",
)
_CLUSTER = flags.DEFINE_string(
    "cluster",
    "local",
    "Ray cluster: local to start one on this machine alone, auto for the one "
    "that runs here, or the HOST:PORT of its head.",
)
_WORKERS = flags.DEFINE_integer(
    "workers",
    0,
    "Number of processes that paint; 0 for one for each processor or GPU of "
    "the cluster, with --cluster=local all processors but one.",
    lower_bound=0,
)
_GPUS = flags.DEFINE_float(
    "gpus_per_worker",
    0.0,
    "GPUs of each process, such as 1 or 0.5; 0 to paint on processors.",
    lower_bound=0.0,
)
_SHARD_SIZE = flags.DEFINE_integer(
    "shard_size",
    64,
    "Pictures that a process is given at a time.",
    lower_bound=1,
)
_RESUME = flags.DEFINE_bool(
    "resume",
    True,
    "Leave pictures as they are that exist with the same recipe; --noresume "
    "paints all anew.",
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Paint a few pictures, keep none, and say how many there are, how long "
    "all take and how much room.",
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights",
    None,
    "File of the published encoder's weights (.h5), for --model=vgg16 or "
    "vgg19.",
)
_MAX_PIXELS = common_flags.define_max_pixels()
_QUALITY = common_flags.define_quality()
settings_flags.define(Controls)
# Flags that are not given have the default of the engine.
for _name, _kind in _KINDS.items():
    settings_flags.define_unset(_kind, f"The default is tfstyle.{_name}'s.")


def main() -> int:
    """Checks flags and the list, then paints or estimates."""
    loader = _loader()
    from tfstyle.worklists import listing, runs

    notes.unreadable(_CONTENT.value)
    if _CLUSTER.value == "local":  # Else only the workers need the files.
        loader.check(listing.has_styles(_CONTENT.value))
    plan = runs.prepare(
        _CONTENT.value, _OUTPUT.value, _SHARD_SIZE.value, loader.styles
    )
    if _DRY_RUN.value:
        return _estimate(plan, loader)
    return _paint(plan, loader)


def _loader() -> "Loader":
    """Settings of the painter that each worker loads."""
    from tfstyle.pipelines import painters

    styles = tuple(_absolute(path) for path in _STYLE.value)
    more: dict[str, Any] = {
        "styles": styles,
        "device": "gpu" if _GPUS.value else "cpu",
        "max_pixels": _MAX_PIXELS.value,
        "quality": _QUALITY.value,
    }
    with program.flag_errors():
        config = _config()
        if styles:
            config.check_styles(len(styles))
        if _ENGINE.value == "optimize":
            return painters.OptimizeLoader(config=config, **more)
    weights = _ENCODER_WEIGHTS.value
    return painters.TransferLoader(
        config=config, encoder_weights=weights and _absolute(weights), **more
    )


def _config() -> Any:
    """Settings of the engine; raises `ValueError` for those of the other."""
    kind = _KINDS[_ENGINE.value]
    names = {f.name for every in _KINDS.values() for f in _fields(every)}
    others = names - {field.name for field in _fields(kind)}
    if kind is _KINDS["optimize"]:
        others.add("encoder_weights")
    settings_flags.refuse(sorted(others), _ENGINE.value)
    given = {name for name in names if flags.FLAGS[name].present}
    values = settings_flags.values(kind)
    chosen = {name: values[name] for name in given}
    for name in ("model", "feature_weights"):
        if chosen.get(name):
            chosen[name] = _absolute(chosen[name])
    return kind(**chosen)


def _fields(kind: type) -> Any:
    return dataclasses.fields(kind)


def _absolute(path: str) -> str:
    """A path that workers understand, who run in another folder."""
    return os.path.abspath(path) if os.path.exists(path) else path


def _paint(plan: "Plan", loader: "Loader") -> int:
    """Paints all; returns the exit status."""
    from tfstyle.worklists import ray_cluster, runs
    from tfstyle.worklists.manifests import FAILED, Tally

    tally = Tally()
    with (
        runs.drafting(plan.store),
        ray_cluster.connected(*_cluster()) as workers,
        runs.recorded(plan, tally) as record,
        program.Interrupt() as interrupt,  # Ray has a handler of its own.
        _bar(plan.count) as bar,
    ):
        from tfstyle.worklists.ray_engine import Fleet

        fleet = Fleet(
            loader,
            plan.store,
            workers,
            _GPUS.value,
            _RESUME.value,
            lambda text: bar.write(f"note: {text}", sys.stderr),
        )
        for entry in fleet.paint(plan.shards(), interrupt):
            record(entry)
            bar.set_postfix_str(str(tally), refresh=False)
            bar.update()
    seconds = time.monotonic() - _BEGAN
    print(f"{_OUTPUT.value}: {tally} after {seconds:.1f} s")
    if tally[FAILED]:
        where = os.path.join(_OUTPUT.value, "_manifest", "failures.jsonl")
        program.note(f"'{where}' says what failed and why.")
    return interrupt.status or int(tally[FAILED] > 0)


def _cluster() -> tuple[str, int, float]:
    return _CLUSTER.value, _WORKERS.value, _GPUS.value


def _bar(count: int) -> "tqdm.tqdm":
    import tqdm

    return tqdm.tqdm(
        total=count,
        unit="image",
        dynamic_ncols=True,
        mininterval=0.2 if sys.stderr.isatty() else 30.0,
        smoothing=0.05,  # Several workers tell at once, then none for a while.
    )


def _estimate(plan: "Plan", loader: "Loader") -> int:
    """Says what a run would take; returns the exit status."""
    from tfstyle.runtime.checks import units
    from tfstyle.worklists import ray_cluster, runs

    workers = ray_cluster.count(*_cluster())
    if not _GPUS.value:
        os.environ.update(ray_cluster.THREADS)
    found = runs.estimate(plan, loader)
    count = found.share * plan.count
    print(
        f"{plan.count} pictures: about "
        f"{_duration(found.seconds * count / workers)} with {workers} "
        f"worker{'s' * (workers > 1)} once started, "
        f"{units(found.size * count)}. Each takes {found.seconds:.2f} s and "
        f"{units(found.size)}, by a sample of {len(plan.sample)}."
    )
    for entry in found.failed:
        program.note(f"'{entry.content}' would fail: {entry.reason}")
    return int(bool(found.failed))


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    program.run(main)
