r"""Writes a model as a LiteRT (TensorFlow Lite) file, for phones.

  python -m export.litert --model=distilled --output=style.tflite \
      --precision=float16

The file holds the signatures stylize, embed_style and apply_style for one
example, of free sizes unless they are given: --height=384 --width=512
--style_size=256. It is kept only if the LiteRT runtime reproduces the Keras
model. Needs tfstyle[export].
"""

import os

from absl import flags

from export import model as models
from tfstyle.cli import program

flags.adopt_module_key_flags(models)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write (.tflite).", required=True
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "float16", "int8"],
    "Precision of the weights: float32, float16 or int8, which take 4.2, 2.2 "
    "and 1.2 MB for the model of this package.",
)
_HEIGHT = flags.DEFINE_integer(
    "height",
    None,
    "Height of the photographs, in pixels; any if not given.",
    lower_bound=16,
)
_WIDTH = flags.DEFINE_integer(
    "width",
    None,
    "Width of the photographs, in pixels; any if not given.",
    lower_bound=16,
)
_STYLE_SIZE = flags.DEFINE_integer(
    "style_size",
    None,
    "Height and width of the style images, in pixels; any if not given.",
    lower_bound=16,
)


def main() -> None:
    """Converts, compares and writes."""
    source = models.find()
    models.check_output(source, _OUTPUT.value, ".tflite")
    # The converter warns about options that it sets itself.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tfstyle.runtime import devices

    devices.start("cpu")
    from tfstyle.export import litert

    model = models.load(source)
    difference = litert.export(
        model,
        _OUTPUT.value,
        _PRECISION.value,
        (_HEIGHT.value, _WIDTH.value),
        (_STYLE_SIZE.value, _STYLE_SIZE.value),
    )
    print(f"{_OUTPUT.value}: within {difference:.1g} of the Keras model")


if __name__ == "__main__":
    program.run(main)
