"""Neural style transfer: paints a photograph in the style of a picture.

Examples:
    >>> import tfstyle
    >>> "stylize" in dir(tfstyle)
    True

Importing this package is cheap: TensorFlow is loaded by the first attribute
that needs it, so `--help` and flag errors answer at once.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from tfstyle.runtime import processor
from tfstyle.version import __version__ as __version__

# Names that `__getattr__` loads, for type checkers, editors and the docs.
if TYPE_CHECKING:
    from tfstyle import features as features
    from tfstyle import images as images
    from tfstyle import losses as losses
    from tfstyle.adain.config import SpecializeConfig as SpecializeConfig
    from tfstyle.adain.model import StyleModel as StyleModel
    from tfstyle.controls import regions as regions
    from tfstyle.dreams.config import DreamConfig as DreamConfig
    from tfstyle.dreams.deepdream import deep_dream as deep_dream
    from tfstyle.motion.config import VideoConfig as VideoConfig
    from tfstyle.motion.frames import stylize_frames as stylize_frames
    from tfstyle.optimization.config import GatysConfig as GatysConfig
    from tfstyle.optimization.gatys import stylize as stylize
    from tfstyle.pipelines import sweeps as sweeps
    from tfstyle.report.callback import Report as Report
    from tfstyle.runtime.progress import Bar as Bar
    from tfstyle.runtime.progress import Progress as Progress

processor.prefer_onednn()

# Public name -> module that defines it. Programs (the modules that define
# flags) must not appear here: importing one twice defines its flags twice.
_EXPORTS = {
    "Bar": "tfstyle.runtime.progress",
    "DreamConfig": "tfstyle.dreams.config",
    "GatysConfig": "tfstyle.optimization.config",
    "Progress": "tfstyle.runtime.progress",
    "Report": "tfstyle.report.callback",
    "SpecializeConfig": "tfstyle.adain.config",
    "StyleModel": "tfstyle.adain.model",
    "VideoConfig": "tfstyle.motion.config",
    "deep_dream": "tfstyle.dreams.deepdream",
    "stylize": "tfstyle.optimization.gatys",
    "stylize_frames": "tfstyle.motion.frames",
}

_MODULES = {
    "features": "tfstyle.features",
    "images": "tfstyle.images",
    "losses": "tfstyle.losses",
    "regions": "tfstyle.controls.regions",
    "sweeps": "tfstyle.pipelines.sweeps",
}

# Those that load Keras, and so TensorFlow or another backend.
_KERAS = {
    "StyleModel",
    "deep_dream",
    "features",
    "losses",
    "stylize",
    "stylize_frames",
}

__all__ = sorted(_EXPORTS)


if not TYPE_CHECKING:  # For type checkers, `__getattr__` defines every name.

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return _load(name, _MODULES[name])
        if name not in _EXPORTS:
            raise AttributeError(
                f"module {__name__!r} has no attribute {name!r}"
            )
        return getattr(_load(name, _EXPORTS[name]), name)


def _load(name: str, module: str) -> ModuleType:
    """Imports a module; in a notebook without TensorFlow's notices."""
    quiet = name in _KERAS and "ipykernel" in sys.modules
    if not quiet or "tensorflow" in sys.modules:
        return importlib.import_module(module)
    from tfstyle.runtime import devices

    with devices.quietly():
        return importlib.import_module(module)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS, *_MODULES])
