"""How functions are compiled by TensorFlow."""

import ast

import pytest

from documents import ROOT

PATHS = sorted(
    path
    for folder in ("tfstyle", "export")
    for path in (ROOT / folder).rglob("*.py")
    if "tf.function(" in path.read_text()
)


def compiling(path):
    """Calls of `tf.function` in a module; it is no decorator anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "tf.function",
            "tensorflow.function",
        ):
            yield node


# AutoGraph rewrites whatever is called, which took a program 3 s, and nothing
# here has branches or loops for it.
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_function_is_rewritten_by_autograph(path):
    settings = [
        {word.arg: ast.unparse(word.value) for word in call.keywords}
        for call in compiling(path)
    ]
    assert {found.get("autograph") for found in settings} <= {"False"}


def test_functions_are_compiled():
    assert sum(len([*compiling(path)]) for path in PATHS) > 5
