"""The notebooks, run from top to bottom in kernels of their own, but small."""

import contextlib
import pathlib
import re

import nbclient
import nbformat
import pytest

import helpers
import programs
import tfstyle

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
# Values of the cell with parameters; MODEL is a small one.
SMALL = {
    "1_start_here": {"SIZE": 48, "STEPS": 1},
    "2_specialize_and_train": {
        "SIZE": 64,
        "STEPS": 1,
        "EPOCHS": 1,
        "CROP": 32,
        "MODEL": "'model.h5'",
        "PHOTOGRAPHS": "['../examples/cat.jpg', '../examples/coffee.jpg']",
    },
    "3_export_and_serve": {"SIZE": 48, "MODEL": "'model.h5'"},
    "4_extend": {"SIZE": 64, "STEPS": 2},
}
# Parts of cells that are run six times: TensorFlow would warn at the fifth.
AGAIN = {
    "1_start_here": ["images.show(photo, painted)", "tfstyle.stylize("],
    "4_extend": ["with_palette))"],
}
# Cells that show a picture.
PICTURES = {
    "1_start_here": 5,
    "2_specialize_and_train": 3,
    "3_export_and_serve": 4,
    "4_extend": 3,
}


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def made_small(notebook, values):
    (cell,) = (
        cell
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", [])
    )
    for name, value in values.items():
        pattern = rf"^{name} = [^#\n]*"
        cell.source, found = re.subn(
            pattern, f"{name} = {value}  ", cell.source, flags=re.MULTILINE
        )
        assert found == 1, f"there is no parameter {name}"
    return notebook


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a notebook in a folder; yields its client and cells."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "notebooks"
    folder.mkdir()

    @contextlib.contextmanager
    def running(name):
        notebook = made_small(read(name), SMALL[name])
        client = nbclient.NotebookClient(
            notebook,
            timeout=programs.PATIENCE,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        )
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            yield client, notebook.cells

    return running


def outputs(cells):
    return [part for cell in cells for part in cell.get("outputs", [])]


def shown(cell):
    """Whether a cell shows a picture."""
    return any(
        {"image/png", "image/jpeg"} & part.get("data", {}).keys()
        for part in outputs([cell])
    )


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_and_shows_pictures(name, run, tmp_path):
    if "MODEL" in SMALL[name]:
        helpers.style_model().save_preset(tmp_path / "notebooks" / "model.h5")
    # Without the repository's pictures, as on Colab, only one of them.
    if name != "1_start_here":
        (tmp_path / "examples").symlink_to(ROOT / "examples")
    with run(name) as (client, cells):
        assert sum(map(shown, cells)) == PICTURES[name]
        repeated = [
            (index, cell)
            for part in AGAIN.get(name, [])
            for index, cell in enumerate(cells)
            if cell.cell_type == "code" and part in cell.source
        ]
        assert len(repeated) == len(AGAIN.get(name, []))
        said = outputs(cells)
        for index, cell in repeated:
            for _ in range(5):
                client.execute_cell(cell, index)
                said += cell.outputs
    texts = [part.text for part in said if part.get("name") == "stderr"]
    assert texts == []
    check_parts(name, said)


def check_parts(name, said):
    data = [part.data for part in said if "data" in part]
    bars = [d for d in data if "application/vnd.jupyter.widget-view+json" in d]
    pages = [d["text/html"] for d in data if "text/html" in d]
    text = "".join(part.get("text", "") for part in said)
    assert "retracing" not in text  # In a notebook it is said on stdout.
    if name == "1_start_here":
        assert len(bars) == 6
        (page,) = pages
        assert page.startswith("<iframe srcdoc=") and "style_weight" in page
    if name == "2_specialize_and_train":
        assert len(bars) == 1
    if name == "3_export_and_serve":
        assert "of the Keras model" in text and text.endswith("\n0\n")


@pytest.mark.parametrize(
    "path", sorted(FOLDER.glob("*.ipynb")), ids=lambda p: p.stem
)
def test_notebooks_are_committed_without_outputs(path):
    assert path.stem in SMALL
    notebook = read(path.stem)
    nbformat.validate(notebook)
    assert outputs(notebook.cells) == []
    counts = [cell.get("execution_count") for cell in notebook.cells]
    assert set(counts) == {None}


def test_the_default_of_the_steps_is_right():
    text = (FOLDER / "1_start_here.ipynb").read_text()
    assert f"the default is {tfstyle.GatysConfig().steps}." in text


@pytest.mark.parametrize("name", SMALL)
def test_links_of_notebooks_lead_somewhere(name):
    texts = [cell.source for cell in read(name).cells]
    links = re.findall(r"\]\(([^)\s]+)\)", "\n".join(texts))
    local = [link for link in links if "://" not in link]
    assert not [link for link in local if not (FOLDER / link).exists()]
