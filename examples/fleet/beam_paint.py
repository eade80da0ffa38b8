"""Paints the lines of a list with Apache Beam, in Beam's own environment.

python examples/fleet/beam_paint.py list.txt style.jpg /painted

Flags of Beam follow, such as --runner. Beam 2.77 needs protobuf below 7: use a
TensorFlow that allows it there.
"""

import sys

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from tfstyle.adain.config import TransferConfig
from tfstyle.pipelines.painters import TransferLoader
from tfstyle.worklists.painting import paint_shard
from tfstyle.worklists.rows import Row, Shard, name_of
from tfstyle.worklists.storage import Store


class Paint(beam.DoFn):
    """Paints batches of photographs' paths."""

    def __init__(self, loader, store):
        self._loader, self._store = loader, store

    def setup(self):
        """Loads the model, once for each process."""
        self._painter = self._loader.load(self._store.fetch)

    def process(self, paths):
        """Yields a dictionary about each picture."""
        rows = (Row(path, f"{name_of(path, (), {})}.jpg") for path in paths)
        shard = Shard(tuple(rows))
        yield from map(vars, paint_shard(shard, self._painter, self._store))


def main(listed, style, output, *options):
    """Paints a list, and writes what became of each line."""
    loader = TransferLoader(config=TransferConfig(size=512), styles=(style,))
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        (
            pipeline
            | beam.io.ReadFromText(listed)
            | beam.BatchElements(min_batch_size=16, max_batch_size=64)
            | beam.ParDo(Paint(loader, Store(output, "beam")))
            | beam.Map(str)
            | beam.io.WriteToText(f"{output}/told")
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
