r"""Writes a model as an ONNX file, for runtimes without TensorFlow.

  python -m export.onnx --model=distilled --output=style.onnx

Batch and sizes are free. Inputs and outputs are those of the signature of the
same name in export.saved_model, but the file does not check them. It is kept
only if ONNX Runtime reproduces the Keras model. Needs tfstyle[export].
"""

from absl import flags

from export import model as models
from tfstyle.cli import program

flags.adopt_module_key_flags(models)
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write (.onnx).", required=True
)
_SIGNATURE = flags.DEFINE_enum(
    "signature",
    "stylize",
    ["stylize", "embed_style", "apply_style", "paint"],
    "Part of the model to convert: stylize for all of it, embed_style or "
    "apply_style for its halves, paint for the style inside a specialized "
    "model.",
)


def main() -> None:
    """Converts, compares and writes."""
    source = models.find()
    models.check_output(source, _OUTPUT.value, ".onnx")
    from tfstyle.runtime import devices

    devices.start("cpu")
    from tfstyle.export import onnx

    model = models.load(source)
    difference = onnx.export(model, _OUTPUT.value, _SIGNATURE.value)
    print(f"{_OUTPUT.value}: within {difference:.1g} of the Keras model")


if __name__ == "__main__":
    program.run(main)
