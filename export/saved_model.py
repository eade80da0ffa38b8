r"""Writes a version of a model for TensorFlow Serving and TensorFlow Hub.

  python -m export.saved_model --model=distilled --output=models/style

writes models/style/1, or the number after the highest one there, in one piece:
a server that polls the folder sees it when it is whole. It is kept only if the
signatures give the numbers of the Keras model.
"""

import dataclasses
from typing import Any

from absl import app, flags

from export import model as models
from tfstyle.cli import program
from tfstyle.export.config import IMAGE_FORMATS, ExportConfig

flags.adopt_module_key_flags(models)
_D = ExportConfig()

_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the model's versions.", required=True
)
_VERSION = flags.DEFINE_integer(
    "version", None, "Number; unset: the next.", lower_bound=1
)
_WARMUP = flags.DEFINE_bool("warmup", True, "Whether a server tries it first.")
# Named as the fields of ExportConfig.
flags.DEFINE_enum(
    "image_format", _D.image_format, IMAGE_FORMATS, "Of answers in bytes."
)
flags.DEFINE_integer("quality", _D.quality, "Of JPEG.")
flags.DEFINE_integer("max_pixels", _D.max_pixels, "Of the largest image.")
flags.DEFINE_multi_integer(
    "warmup_sizes", _D.warmup_sizes, "Sides of what it tries; repeat it."
)


def main(argv: list[str]) -> None:
    """Checks the settings, then exports."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    values: dict[str, Any] = {
        field.name: flags.FLAGS[field.name].value
        for field in dataclasses.fields(ExportConfig)
    }
    sizes = values["warmup_sizes"] if _WARMUP.value else []
    values["warmup_sizes"] = tuple(sizes)
    with program.flag_errors():
        config = ExportConfig(**values)
    source = models.find()
    from tfstyle.runtime import devices

    devices.start("cpu")
    from tfstyle.export import saved_model

    model = models.load(source)
    path, difference = saved_model.export(
        model, _OUTPUT.value, config, _VERSION.value, models.about(source)
    )
    print(f"{path}: within {difference:.1g} of the Keras model")


if __name__ == "__main__":
    program.run(main)
