"""The rules of the house: what may import what, and where flags may live."""

import ast
import graphlib
import os
import pathlib
import subprocess
import sys

import pytest

import tfstyle

ROOT = pathlib.Path(__file__).parents[2]
# Package or module at the top -> what its modules may import of tfstyle.
ALLOWED = {
    "version": "",
    "runtime": "",
    "losses": "runtime",
    "images": "runtime version",
    "pretrained": "runtime",
    "controls": "images runtime",
    "clips": "images runtime",
    "features": "pretrained images runtime",
    "report": "images runtime",
    "fitting": "images runtime",
    "adain": "features fitting controls losses pretrained images runtime",
    "export": "adain features runtime version",
    "objective": "features controls losses images runtime",
    "optimizers": "runtime",
    "optimization": (
        "objective optimizers adain features controls losses pretrained images "
        "runtime"
    ),
    "dreams": (
        "optimization objective features controls losses pretrained images "
        "runtime"
    ),
    "benchmarks": "optimization objective training adain features runtime",
    "judging": "features images losses optimizers pretrained runtime",
    "motion": "optimization objective adain controls images runtime",
    "training": "adain features fitting losses pretrained images runtime",
    "worklists": "images runtime version",
    "pipelines": (
        "worklists motion clips dreams optimization adain controls pretrained "
        "images runtime"
    ),
    "web": "pipelines adain optimization pretrained images runtime",
    "cli": "pipelines training report controls images runtime",
}
# These run without Keras and TensorFlow; the others load them in functions.
VALUES = (
    "runtime images pretrained controls report clips worklists pipelines web "
    "cli"
).split()
# The modules that import TensorFlow; all others run on any backend of Keras.
TENSORFLOW = {
    "adain.loading",
    "adain.saved_models",
    "benchmarks.passes",
    "benchmarks.rates",
    "benchmarks.steps",
    "dreams.ascent",
    "dreams.deepdream",
    "dreams.excitation",
    "dreams.loop",
    "export.graph_images",
    "export.graphs",
    "export.known_answers",
    "export.litert",
    "export.onnx",
    "export.prediction_log",
    "export.saved_model",
    "export.signatures",
    "judging.measures",
    "judging.reference",
    "judging.structure",
    "motion.optimized",
    "optimization.descent",
    "optimization.gatys",
    "optimization.loop",
    "optimization.sight",
    "optimization.tiled_graphs",
    "optimization.tiled_image",
    "optimization.tiled_loss",
    "optimization.tiled_step",
    "optimizers.adam",
    "optimizers.adam_in_place",
    "optimizers.adam_state",
    "optimizers.interface",
    "optimizers.lbfgs",
    "optimizers.lbfgs_state",
    "optimizers.resizing",
    "training.distributed",
    "training.summaries",
}
MOST_MODULES = 13


def modules(folder):
    """Dotted names of a folder's modules, such as `images.png`."""
    paths = (ROOT / folder).rglob("[!_]*.py")
    parts = (p.relative_to(ROOT / folder).with_suffix("").parts for p in paths)
    return sorted(".".join(names) for names in parts)


MODULES = modules("tfstyle")
PROGRAMS = {name for name in MODULES if "." not in name} - set(ALLOWED)
LIBRARY = [
    name for name in MODULES if name.split(".")[0] not in {*PROGRAMS, "cli"}
]
ANY_BACKEND = [name for name in LIBRARY if name not in TENSORFLOW]
SERVING = modules("serving")
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


def roots(names):
    return {name.split(".")[0] for name in names}


def of_tfstyle(names):
    """The packages, or modules at the top, that are imported."""
    return {n.split(".")[1] for n in names if n.startswith("tfstyle.")}


def at_import(tree):
    """Nodes that run when the module is imported: none inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
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


def load(names, before=""):
    """Imports modules in a new process; the names of all it has loaded."""
    every = ", ".join(f"tfstyle.{name}" for name in sorted(names))
    return f"{before}import sys, {every}; print(*sys.modules)"


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_what_the_table_allows(module):
    names = list(imports(ast.walk(parse(module))))
    assert not [name for name in names if name.startswith(".")]
    package = module.split(".")[0]
    if package in PROGRAMS:
        assert of_tfstyle(names).isdisjoint({*PROGRAMS, "export"})
    else:
        allowed = {package, *ALLOWED[package].split()}
        assert of_tfstyle(names) <= allowed


def test_packages_are_in_an_order():
    graph = {name: allowed.split() for name, allowed in ALLOWED.items()}
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(graph)


def test_modules_are_in_an_order():
    graph = {module: _modules_imported(module) for module in MODULES}
    assert set(graphlib.TopologicalSorter(graph).static_order()) == set(graph)


def _modules_imported(module):
    """Modules of tfstyle that a module imports, in functions or for types."""
    names = list(imports(ast.walk(parse(module))))
    return {
        other
        for other in MODULES
        if any(f"{name}.".startswith(f"tfstyle.{other}.") for name in names)
    }


def test_no_package_is_crowded():
    for package in ALLOWED:
        inside = [name for name in MODULES if name.startswith(f"{package}.")]
        assert len(inside) <= MOST_MODULES, package


@pytest.mark.parametrize("module", LIBRARY)
def test_only_programs_and_what_they_share_import_absl(module):
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


def test_the_modules_that_import_tensorflow_are_known():
    found = {
        module
        for module in MODULES
        if "tensorflow" in roots(imports(at_import(parse(module))))
    }
    assert found <= TENSORFLOW


def test_values_need_neither_tensorflow_nor_keras():
    names = [name for name in LIBRARY if name.split(".")[0] in VALUES]
    loaded = python(load(names)).split()
    assert {"tensorflow", "keras", "jax"}.isdisjoint(loaded)


def test_any_backend_modules_load_where_tensorflow_is_not_installed():
    # None in sys.modules makes the import fail as if nothing were there.
    hidden = "import sys; sys.modules['tensorflow'] = None; "
    loaded = python(load(ANY_BACKEND, hidden), KERAS_BACKEND="jax").split()
    assert "jax" in loaded


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
