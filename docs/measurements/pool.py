"""Paints a folder by a plain pool of processes, to compare a fleet with.

python docs/measurements/pool.py PHOTOGRAPHS STYLE OUTPUT WORKERS [SIZE]
"""

import concurrent.futures
import multiprocessing
import os
import sys
import time

from tfstyle.adain.config import TransferConfig
from tfstyle.pipelines.painters import TransferLoader
from tfstyle.worklists import painting, ray_cluster, runs

_held = {}


def _load(loader, store):
    _held.update(painter=loader.load(store.fetch), store=store)


def _paint(shard):
    return len([*painting.paint_shard(shard, _held["painter"], _held["store"])])


def main():
    """Paints, and says how long it took."""
    content, style, output, workers, size = [*sys.argv[1:], "256"][:5]
    began = time.monotonic()
    os.environ.update(ray_cluster.THREADS)
    plan = runs.prepare(content, output, 64)
    loader = TransferLoader(
        config=TransferConfig(size=int(size)),
        styles=(os.path.abspath(style),),
        device="cpu",
    )
    with concurrent.futures.ProcessPoolExecutor(
        int(workers),
        multiprocessing.get_context("spawn"),
        _load,
        (loader, plan.store),
    ) as pool:
        count = sum(pool.map(_paint, plan.shards()))
    plan.store.clear()
    print(f"{output}: {count} after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
