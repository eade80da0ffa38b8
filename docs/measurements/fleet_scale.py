"""Lists, cuts and resumes a long work list with a painter that does nothing.

python docs/measurements/fleet_scale.py FOLDER ROWS

Everything but the pictures is as in a fleet: the list is a Parquet file, all
rows are checked, each shard has a manifest, and a second run finds them.
"""

import pathlib
import resource
import sys
import time

import numpy as np
import pyarrow
import pyarrow.parquet

from tfstyle.worklists import manifests, painting, runs
from tfstyle.worklists.manifests import Tally

_SHARD = 1000


class Nothing:
    """A recipe whose pictures are all there, without a file."""

    digest = "0" * 32


class Place:
    """The store of a plan, in which each picture exists."""

    def __init__(self, store):
        self.read_text, self.write_text = store.read_text, store.write_text

    def exist(self, names):
        """All of them."""
        return [True for _ in names]


def _write(path, count):
    schema = pyarrow.schema(
        [("content", pyarrow.string()), ("output", pyarrow.string())]
    )
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, count, 100_000):
            numbers = np.arange(start, min(start + 100_000, count))
            names = [f"{n % 1000:03}/{n:010}.jpg" for n in numbers]
            paths = [f"s3://photographs/{name}" for name in names]
            table = pyarrow.table({"content": paths, "output": names})
            writer.write_table(table)


def _say(what, began):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.monotonic() - began
    print(f"{what}: {seconds:.0f} s, at most {peak:.0f} MB", flush=True)


def main():
    """Runs all parts, and says their times and the memory."""
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "list.parquet"
    began = time.monotonic()
    _write(path, count)
    _say("list written", began)
    began = time.monotonic()
    plan = runs.prepare(str(path), str(folder / "painted"), _SHARD)
    _say(f"{plan.count} rows checked", began)
    began, place = time.monotonic(), Place(plan.store)
    for shard in plan.shards():
        entries = [painting.failure(row, "") for row in shard.rows]
        done = [
            manifests.Entry(
                **{**vars(e), "status": "painted", "recipe": Nothing.digest}
            )
            for e in entries
        ]
        manifests.write(place, shard, done)
    _say("painted", began)
    began, tally = time.monotonic(), Tally()
    for shard in plan.shards():
        for entry in painting.paint_shard(shard, lambda row: Nothing, place):
            tally.add(entry)
    _say(f"resumed, {tally}", began)
    plan.store.clear()


if __name__ == "__main__":
    main()
