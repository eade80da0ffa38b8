"""Shows the settings of settings classes in the reference.

A field such as `size: int = setting(512, "Longer side of the result.")` carries
its help, and `settings.documented` makes a docstring of all of them. Griffe
reads the source without running it, so it is told here: the docstring is that
of the class, the value of a field its default.
"""

import ast
import importlib
import inspect

import griffe


class Settings(griffe.Extension):
    """Reads classes that `settings.documented` decorates."""

    def on_class_instance(self, *, cls: griffe.Class, **unused: object) -> None:
        """Takes the docstring from the class itself."""
        names = {str(decorator.value) for decorator in cls.decorators}
        if cls.docstring and "settings.documented" in names:
            module = importlib.import_module(cls.module.path)
            text = inspect.getdoc(getattr(module, cls.name))
            cls.docstring.value = text or ""

    def on_attribute_instance(
        self,
        *,
        node: ast.AST | griffe.ObjectNode,
        attr: griffe.Attribute,
        **unused: object,
    ) -> None:
        """Takes the default of a field for its value."""
        call = getattr(node, "value", None)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "setting":
            attr.value = ast.unparse(call.args[0])
