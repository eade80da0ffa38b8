"""The rules of the house: what may import what, and where flags may live."""

import ast
import os
import pathlib
import subprocess
import sys

import pytest

import tfstyle

ROOT = pathlib.Path(__file__).parents[2]
# A module imports only from the sets above its own.
LAYERS = [
    # Values, no tensors.
    {
        "runtime.checks",
        "runtime.host_memory",
        "adain.interpolation",
        "runtime.processor",
        "version",
    },
    {"controls.settings"},
    {
        "optimization.config",
        "export.config",
        "runtime.files",
        "images.jpeg",
        "images.png",
        "images.srgb",
        "pretrained.topology",
        "pretrained.cache",
        "images.windows",
    },
    {"optimization.dream_config", "training.config"},
    {
        "pretrained.application_weights",
        "report.charts",
        "runtime.checkpoint",
        "images.decoding",
        "images.encoding",
        "runtime.progress",
    },
    {"images.io", "pretrained.weights"},
    {"images.conversion"},
    {
        "controls.color",
        "report.html_page",
        "controls.photorealism",
        "pretrained.presets",
        "images.provenance",
        "controls.regions",
        "runtime.runs",
        "optimization.schedule",
    },
    {
        "controls.finishing",
        "report.page",
        "controls.semantic_maps",
        "pipelines.sweeps",
    },
    {
        "images.folders",
        "images.output",
        "controls.region_files",
        "report.callback",
    },
    {"pipelines.preparation", "pipelines.transfer_inputs"},
    {"pipelines.transfer_files"},
    # Tensors.
    {"adain.modulation", "features.layers", "features.winograd"},
    {
        "optimization.adam",
        "features.applications",
        "runtime.batch",
        "runtime.devices",
        "adain.embeddings",
        "export.graph_images",
        "optimization.lbfgs",
        "losses",
        "training.summaries",
    },
    {"features.convolution"},
    {"adain.decoder"},
    {
        "training.data",
        "features.networks",
        "adain.regional",
        "features.memory",
        "training.perceptual",
    },
    {
        "optimization.excitation",
        "training.initialization",
        "optimization.objective",
        "training.loop",
    },
    {"training.distributed"},
    # Algorithms.
    {
        "adain.model",
        "optimization.ascent",
        "optimization.descent",
        "training.distillation",
    },
    {
        "optimization.deepdream",
        "optimization.one_pass",
        "export.signatures",
        "training.adain",
        "adain.tiling",
    },
    {"optimization.strength"},
    {"optimization.gatys"},
    # Around the algorithms.
    {"export.prediction_log", "adain.saved_models"},
    {"adain.stylizers"},
    {"pipelines.engines", "export.known_answers"},
    {"export.litert", "export.onnx", "export.saved_model"},
    # Flags.
    {"cli.program"},
    {"cli.control_flags", "cli.painting", "cli.training_flags"},
    {
        "bench",
        "distill",
        "dream",
        "grid",
        "judge",
        "optimize",
        "rehearse",
        "train",
        "transfer",
    },  # Programs: nothing imports them.
]
LEVEL = {name: i for i, layer in enumerate(LAYERS) for name in layer}
PROGRAMS = LAYERS[-1]
VALUES = set().union(*LAYERS[:12])
ANY_BACKEND = VALUES | {
    "adain.model",
    "features.applications",
    "runtime.batch",
    "features.convolution",
    "training.data",
    "adain.decoder",
    "training.distillation",
    "adain.embeddings",
    "features.networks",
    "adain.regional",
    "training.initialization",
    "losses",
    "features.memory",
    "optimization.objective",
    "optimization.one_pass",
    "training.perceptual",
    "optimization.strength",
    "training.adain",
    "adain.tiling",
    "training.loop",
    "features.winograd",
}
MODULES = sorted(
    ".".join(p.relative_to(ROOT / "tfstyle").with_suffix("").parts)
    for p in (ROOT / "tfstyle").rglob("[!_]*.py")
)
LIBRARY = sorted(set(MODULES).difference(*LAYERS[-3:]))  # None with flags.
SERVING = sorted(
    ".".join(p.relative_to(ROOT / "serving").with_suffix("").parts)
    for p in (ROOT / "serving").rglob("[!_]*.py")
)
# Each defines flags, so they are run and not imported.
SERVING_PROGRAMS = {"bench", "client", "dev_server", "rest_client"}
# What users may copy into a project of theirs.
SERVING_CLIENT = {"messages", "protocol", "style_client"}


def parse(module, folder="tfstyle"):
    path = ROOT / folder / f"{module.replace('.', '/')}.py"
    return ast.parse(path.read_text())


def imports(nodes):
    """Full names of what the statements among `nodes` import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # Relative imports are not used; `.` would hide from these rules.
            prefix = "." * node.level + (node.module or "")
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


# Packages that hand on the names of a module.
FACES = {"images": "images.io", "features": "features.networks"}


def found(name):
    """The module of tfstyle that a full name is, or is in."""
    parts = name.split(".")[1:]
    paths = [".".join(parts[:count]) for count in (2, 1)]
    [module, *_] = [path for path in paths if path in LEVEL] or [paths[1]]
    return module if module in LEVEL else FACES[module]


def roots(names):
    return {name.split(".")[0] for name in names}


def at_import(tree):
    """Nodes that run when the module is imported: none inside functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from at_import(node)


def python(code, **environment):
    """Runs `code` in a new process and returns what it prints."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_every_module_has_a_layer():
    assert set(MODULES) == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_from_lower_layers(module):
    names = list(imports(ast.walk(parse(module))))
    assert not [name for name in names if name.startswith(".")]
    ours = {found(n) for n in names if n.startswith("tfstyle.")}
    assert {m for m in ours if LEVEL[m] >= LEVEL[module]} == set()


@pytest.mark.parametrize("module", MODULES)
def test_only_programs_and_what_they_share_import_absl(module):
    if module in LIBRARY:
        assert "absl" not in roots(imports(ast.walk(parse(module))))


@pytest.mark.parametrize("folder", ["tests", "examples", "export", "serving"])
def test_nothing_imports_a_program(folder):
    for path in (ROOT / folder).rglob("*.py"):
        names = set(imports(ast.walk(ast.parse(path.read_text()))))
        found = {f"tfstyle.{program}" for program in PROGRAMS} & names
        assert not found, f"{path} imports {found}: run it in a subprocess."


def test_no_public_name_is_a_program():
    # `import tfstyle.optimize` would replace a function of that name.
    assert not PROGRAMS.intersection(tfstyle.__all__)


@pytest.mark.parametrize("module", sorted(ANY_BACKEND))
def test_imports_no_tensorflow(module):
    assert "tensorflow" not in roots(imports(at_import(parse(module))))


def test_values_need_neither_tensorflow_nor_keras():
    names = ", ".join(f"tfstyle.{name}" for name in sorted(VALUES))
    loaded = python(f"import sys, {names}; print(*sys.modules)").split()
    assert {"tensorflow", "keras", "jax"}.isdisjoint(loaded)


def test_any_backend_modules_load_where_tensorflow_is_not_installed():
    names = ", ".join(f"tfstyle.{name}" for name in sorted(ANY_BACKEND))
    # None in sys.modules makes the import fail as if nothing were there.
    block = "import sys; sys.modules['tensorflow'] = None; "
    check = "; import keras; print(keras.backend.backend())"
    backend = python(f"{block}import {names}{check}", KERAS_BACKEND="jax")
    assert backend.split() == ["jax"]


@pytest.mark.parametrize("module", MODULES)
def test_changes_no_global_setting_of_keras(module):
    # Precision and data format are said per model and per layer.
    names = {
        node.attr
        for node in ast.walk(parse(module))
        if isinstance(node, ast.Attribute)
    }
    assert names.isdisjoint(
        {
            "set_dtype_policy",
            "set_floatx",
            "set_global_policy",
            "set_image_data_format",
        }
    )


def test_serving_imports_nothing_of_tfstyle():
    for path in (ROOT / "serving").rglob("*.py"):
        tree = ast.parse(path.read_text())
        assert "tfstyle" not in roots(imports(ast.walk(tree))), path


@pytest.mark.parametrize("module", SERVING)
def test_serving_flags_are_those_of_its_programs(module):
    names = set(imports(ast.walk(parse(module, "serving"))))
    if module not in SERVING_PROGRAMS | {"cli"}:
        assert "absl" not in roots(names)
    assert not {f"serving.{name}" for name in SERVING_PROGRAMS} & names


@pytest.mark.parametrize("module", sorted(SERVING_CLIENT))
def test_the_client_library_needs_little(module):
    names = set(imports(ast.walk(parse(module, "serving"))))
    ours = {name.split(".")[1] for name in names if name[:8] == "serving."}
    assert ours <= SERVING_CLIENT
    theirs = roots(names) - sys.stdlib_module_names - {"serving"}
    assert theirs <= {"google", "grpc", "numpy"}


@pytest.mark.parametrize("module", SERVING)
def test_serving_loads_tensorflow_only_when_it_needs_it(module):
    # Programs answer --help, and refuse wrong files, before.
    assert "tensorflow" not in roots(
        imports(at_import(parse(module, "serving")))
    )


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_neither_prints_nor_exits(module):
    calls = {
        ast.unparse(node.func)
        for node in ast.walk(parse(module))
        if isinstance(node, ast.Call)
    }
    assert calls.isdisjoint({"print", "exit", "quit", "sys.exit", "os._exit"})
