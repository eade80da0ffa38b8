"""Neural style transfer: paints a photograph in the style of a picture.

>>> import tfstyle
>>> "stylize" in dir(tfstyle)
True

Importing this package is cheap: TensorFlow is loaded by the first attribute
that needs it, so `--help` and flag errors answer at once.
"""

import importlib

from tfstyle.runtime import processor
from tfstyle.version import __version__ as __version__

processor.prefer_onednn()

# Public name -> module that defines it. Programs (the modules that define
# flags) must not appear here: importing one twice defines its flags twice.
_EXPORTS = {
    "DreamConfig": "tfstyle.optimization.config",
    "GatysConfig": "tfstyle.optimization.config",
    "Progress": "tfstyle.runtime.progress",
    "Report": "tfstyle.report.callback",
    "StyleModel": "tfstyle.adain.model",
    "deep_dream": "tfstyle.optimization.deepdream",
    "stylize": "tfstyle.optimization.gatys",
}

_MODULES = {
    "regions": "tfstyle.controls.regions",
    "sweeps": "tfstyle.pipelines.sweeps",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)


def __dir__():
    return sorted([*globals(), *_EXPORTS, *_MODULES])
