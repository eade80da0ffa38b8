r"""Writes a version of a model for TensorFlow Serving and TensorFlow Hub.

  python -m export.saved_model --model=distilled --output=models/style

writes models/style/1, or the number after the highest one there. A server that
polls the folder sees the version only when it is complete. It is kept only if
the signatures reproduce the Keras model.
"""

from absl import app, flags

from export import model as models
from tfstyle.cli import program, settings_flags
from tfstyle.export.config import LARGEST_VERSION, ExportConfig

flags.adopt_module_key_flags(models)

_OUTPUT = flags.DEFINE_string(
    "output", None, "Folder of the model's versions.", required=True
)
_VERSION = flags.DEFINE_integer(
    "version",
    None,
    "Number of the version to write; the next one if not given.",
    lower_bound=1,
    upper_bound=LARGEST_VERSION,
)
_WARMUP = flags.DEFINE_bool(
    "warmup",
    True,
    "Writes requests that warm up the version before a server makes it "
    "available.",
)
settings_flags.define(ExportConfig)


def main() -> None:
    """Checks the settings, then exports."""
    if not _WARMUP.value and flags.FLAGS["warmup_sizes"].present:
        raise app.UsageError(
            "--nowarmup writes no requests: leave out --warmup_sizes."
        )
    changes = {} if _WARMUP.value else {"warmup_sizes": ()}
    config = settings_flags.make(ExportConfig, **changes)
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
