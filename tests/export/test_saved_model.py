import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import helpers
from tfstyle.export import known_answers, prediction_log, saved_model
from tfstyle.export.config import ExportConfig
from tfstyle.export.signatures import Signatures
from tfstyle.runtime import files

TABLE = pathlib.Path(__file__).parents[1] / "golden" / "signatures.json"
EXTRA = {
    "README.md",
    "known_answers",
    "signatures.json",
    "tf_serving_warmup_requests",
}


@pytest.fixture(scope="module")
def loaded(served):
    return tf.saved_model.load(str(served))


def test_signatures_share_the_graphs_of_the_model(served):
    """Each is traced, optimized, stored and loaded once."""
    saved = saved_model_pb2.SavedModel.FromString(
        (served / "saved_model.pb").read_bytes()
    )
    (graph,) = saved.meta_graphs
    found = [
        function.signature.name
        for function in graph.graph_def.library.function
        if any(node.op == "Conv2D" for node in function.node_def)
    ]
    assert len(found) == 2  # One embeds, the other applies.


def test_the_contract_has_not_changed(served, request):
    table = saved_model.signature_table(served)
    for signature in table.values():
        for tensors in signature.values():
            if embedding := tensors.get("style_embedding"):
                embedding["shape"][1] = "size"  # The model's, not ours.
    if request.config.getoption("--update-golden"):
        TABLE.write_text(json.dumps(table, indent=2) + "\n")
    assert table == json.loads(TABLE.read_text()), (
        "Clients rely on this table. If the change is meant, run "
        "`pytest --update-golden` and say in the commit what clients must do."
    )


def test_a_version_is_complete(served):
    assert served.name == "1"
    assert {path.name for path in (served / "assets.extra").iterdir()} == EXTRA
    written = (served / "assets.extra" / "signatures.json").read_text()
    assert json.loads(written) == saved_model.signature_table(served)
    card = (served / "assets.extra" / "README.md").read_text()
    assert "Answers are PNG." in card
    assert "10000 pixels or fewer" in card
    assert all(f"| `{name}` |" in card for name in Signatures.NAMES)
    # Nothing is left of what it was written in.
    assert [path.name for path in served.parent.iterdir()] == ["1"]


def test_it_is_called_as_magentas_module_is(loaded, style_model):
    content, style = helpers.image(40, 33)[None], helpers.image(24, 50)[None]
    outputs = loaded(tf.constant(content), tf.constant(style))
    assert len(outputs) == 1
    expected = np.clip(style_model((content, style)), 0, 1)
    np.testing.assert_allclose(outputs[0], expected, atol=1e-5)
    np.testing.assert_array_equal(loaded(content, style)[0], outputs[0])


def test_tensorflow_hub_loads_it(served, style_model):
    hub = pytest.importorskip(
        "tensorflow_hub", reason="needs tfstyle[hub]", exc_type=ImportError
    )
    content, style = helpers.image(40, 33)[None], helpers.image(24, 50)[None]
    painted = hub.load(str(served))(content, style)[0]
    expected = np.clip(style_model((content, style)), 0, 1)
    np.testing.assert_allclose(painted, expected, atol=1e-5)


def test_the_requests_for_warming_up_succeed(served, loaded):
    records = prediction_log.read(served / saved_model.WARMUP)
    assert [record.signature for record in records] == list(Signatures.NAMES)
    for record in records:
        (output,) = saved_model.answer(loaded, record).values()
        if "stylized_image" in record.outputs:
            assert output.shape == (1, 32, 32, 3)
    assert (served / saved_model.WARMUP).stat().st_size < 20_000


def test_known_answers_are_those_of_the_model(served, style_model, loaded):
    for record in prediction_log.read(served / saved_model.KNOWN_ANSWERS):
        answer = saved_model.answer(loaded, record)
        assert known_answers.check(record, answer) < 1e-5


def test_versions_count_up_and_are_never_replaced(style_model, tmp_path):
    for name in ("2", "10", "notes", "10.old", str(2**63)):
        (tmp_path / name).mkdir()
    assert saved_model.next_version(tmp_path) == 11
    with pytest.raises(FileExistsError, match="exists"):
        saved_model.export(style_model, tmp_path, version=10)
    assert list((tmp_path / "10").iterdir()) == []


def test_another_export_may_take_the_number(style_model, tmp_path, monkeypatch):
    def write(model, config, path, about):
        with files.atomic_folder(path) as folder:
            (folder / "file").write_text("ours")
            (tmp_path / "1").mkdir(exist_ok=True)
        return 0.0

    monkeypatch.setattr(saved_model, "_write_version", write)
    path, _ = saved_model.export(style_model, tmp_path)
    assert path == tmp_path / "2"
    assert list(tmp_path.rglob("file")) == [path / "file"]
    (tmp_path / "1").rmdir()
    with pytest.raises(FileExistsError, match="1': it exists, and nothing"):
        saved_model.export(style_model, tmp_path, version=1)


def test_a_version_with_other_numbers_is_not_kept(
    style_model, tmp_path, monkeypatch
):
    right = saved_model.answer

    def wrong(loaded, record):
        answer = right(loaded, record)
        return {name: output[::-1] for name, output in answer.items()}

    monkeypatch.setattr(saved_model, "answer", wrong)
    with pytest.raises(ValueError, match="differs by"):
        saved_model.export(style_model, tmp_path / "style", ExportConfig())
    assert list(tmp_path.iterdir()) == []  # Nor a folder without versions.


def test_a_folder_that_was_there_stays(style_model, tmp_path, monkeypatch):
    def write(model, config, path, about):
        raise ValueError("It differs.")

    monkeypatch.setattr(saved_model, "_write_version", write)
    with pytest.raises(ValueError, match="It differs"):
        saved_model.export(style_model, tmp_path)
    assert tmp_path.is_dir()
