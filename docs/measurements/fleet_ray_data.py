"""Paints a folder by Ray Data in place of the actors of `ray_engine`.

python docs/measurements/fleet_ray_data.py PHOTOGRAPHS STYLE OUTPUT WORKERS
"""

import os
import sys
import time

from tfstyle.adain.config import TransferConfig
from tfstyle.pipelines.painters import TransferLoader
from tfstyle.worklists import painting, ray_cluster, runs
from tfstyle.worklists.rows import Row, Shard


class Painter:
    """Paints batches of rows."""

    def __init__(self, loader, store):
        os.environ.update(ray_cluster.THREADS)
        self._painter, self._store = loader.load(store.fetch), store

    def __call__(self, batch):
        """Returns what became of each row."""
        pairs = zip(batch["content"], batch["output"], strict=True)
        shard = Shard(tuple(Row(str(c), str(o)) for c, o in pairs))
        entries = [*painting.paint_shard(shard, self._painter, self._store)]
        return {"status": [entry.status for entry in entries]}


def main():
    """Paints, and says how long it took."""
    content, style, output, workers = sys.argv[1:]
    began = time.monotonic()
    plan = runs.prepare(content, output, 64)
    loader = TransferLoader(
        config=TransferConfig(size=256),
        styles=(os.path.abspath(style),),
        device="cpu",
    )
    # One processor more than workers: Ray Data reads with it, or hangs.
    with ray_cluster.connected("local", int(workers) + 1):
        import ray

        rows = [
            {"content": row.content, "output": row.output}
            for shard in plan.shards()
            for row in shard.rows
        ]
        painted = ray.data.from_items(rows).map_batches(
            Painter,
            batch_size=64,
            compute=ray.data.ActorPoolStrategy(size=int(workers)),
            num_cpus=1,
            fn_constructor_args=(loader, plan.store),
        )
        count = sum(row["status"] == "painted" for row in painted.iter_rows())
    plan.store.clear()
    print(f"{output}: {count} after {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
