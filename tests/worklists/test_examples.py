"""Files of examples/fleet: as far as they can be run without their engines."""

import importlib.util
import sys
import types

import pyarrow
import pytest
import yaml

import helpers
from documents import ROOT
from inverting import Inverting
from tfstyle import images
from tfstyle.worklists.storage import Store

FOLDER = ROOT / "examples" / "fleet"


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        images.save(path, helpers.image(20, 24, i))
    return [*map(str, paths), "missing.png"]


STATUSES = ["painted"] * 3 + ["failed"]


def test_spark_paints_batches(photos, tmp_path):
    spark = load("spark_paint")
    names = [f"{i}.png" for i in range(4)]
    batch = pyarrow.RecordBatch.from_pydict(
        {"content": photos, "output": names}
    )
    store = Store(str(tmp_path / "painted"), "spark")
    (told,) = spark.paint([batch], Inverting(), store)
    assert tuple(told.schema.names) == spark.COLUMNS
    assert told.column("status").to_pylist() == STATUSES
    assert (tmp_path / "painted" / "2.png").exists()


def test_beam_paints_batches(photos, tmp_path, monkeypatch):
    beam = types.ModuleType("apache_beam")
    beam.DoFn = object
    options = types.ModuleType("apache_beam.options.pipeline_options")
    options.PipelineOptions = dict
    monkeypatch.setitem(sys.modules, "apache_beam", beam)
    for name in ("apache_beam.options", options.__name__):
        monkeypatch.setitem(sys.modules, name, options)
    store = Store(str(tmp_path / "painted"), "beam")
    paint = load("beam_paint").Paint(Inverting(), store)
    paint.setup()
    told = [*paint.process(photos)]
    assert [entry["status"] for entry in told] == STATUSES


def test_manifests_are_yaml_of_their_kind():
    job = yaml.safe_load((FOLDER / "kuberay.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"][0]["secretRef"]["name"]
    (group,) = cluster["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    processors = int(container["resources"]["requests"]["cpu"])
    processors *= group["replicas"]
    assert f"--workers={processors}" in job["spec"]["entrypoint"]


def test_the_file_of_ray_up_is_what_ray_expects():
    import ray.autoscaler._private.util as autoscaler

    config = yaml.safe_load((FOLDER / "ray_up.yaml").read_text())
    filled = autoscaler.prepare_config(config)
    autoscaler.validate_config(filled)
    assert filled["head_node_type"] in filled["available_node_types"]
