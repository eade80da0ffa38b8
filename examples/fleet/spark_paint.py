"""Paints the rows of a Spark table, in Spark's own environment.

spark-submit examples/fleet/spark_paint.py list.parquet style.jpg /painted

Each executor needs tfstyle and what its version of Spark needs. The table has
`content` and `output`; the model is loaded once for each of its partitions.
"""

import functools
import sys

from tfstyle.adain.config import TransferConfig
from tfstyle.pipelines.painters import TransferLoader
from tfstyle.worklists.painting import paint_shard
from tfstyle.worklists.rows import Row, Shard
from tfstyle.worklists.storage import Store

COLUMNS = ("content", "output", "status", "reason")


def paint(batches, loader, store):
    """Paints each Arrow batch as a shard; yields what became of its rows."""
    import pyarrow

    painter = loader.load(store.fetch)  # Once for each partition.
    for batch in batches:
        rows = batch.select(["content", "output"]).to_pylist()
        shard = Shard(tuple(Row(**row) for row in rows))
        told = [
            {name: getattr(entry, name) for name in COLUMNS}
            for entry in paint_shard(shard, painter, store)
        ]
        yield pyarrow.RecordBatch.from_pylist(told)


def main(table, style, output):
    """Paints a table, and shows how many rows have which status."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName("tfstyle").getOrCreate()
    # Shards of 64 rows, which is 64 pictures to paint again if one is lost.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "64")
    loader = TransferLoader(config=TransferConfig(size=512), styles=(style,))
    work = functools.partial(paint, loader=loader, store=Store(output, "spark"))
    schema = ", ".join(f"{name} string" for name in COLUMNS)
    told = spark.read.parquet(table).mapInArrow(work, schema)
    told.groupBy("status").count().show()


if __name__ == "__main__":
    main(*sys.argv[1:])
