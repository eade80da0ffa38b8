r"""Compares models of any style with optimisation, on pairs they did not see.

  python -m tfstyle.judge --model=distilled --content_dir=photographs \
      --style_dir=paintings --feature_weights=vgg19.h5 --pairs=20

prints a line of JSON for each pair and size: the style loss (relative squared
distance of Gram matrices, mean of five layers) and the relative content
distance (block4_conv2), by VGG19, of the photograph, of each model's picture,
and of a reference after 50, 100 and 200 steps. That is Gatys et al. 2016, of
one size: from the photograph, Adam with a rate of 0.02 and betas of 0.9 and
0.999, values clipped to [0, 1], the style loss with a weight of 5 plus the
content distance. A last line holds the medians over all pairs.

Files are those that tfstyle.train holds out with the same --held_out. Takes
about a minute for a pair of 256 pixels on two CPU cores.
"""

import json
import statistics

from absl import app, flags

from tfstyle import cli

_MODELS = flags.DEFINE_multi_string(
    "model", ["distilled"], "As of tfstyle.transfer; repeat it."
)
_CONTENT_DIR = flags.DEFINE_multi_string(
    "content_dir", None, "Folder of photographs; repeat it.", required=True
)
_STYLE_DIR = flags.DEFINE_multi_string(
    "style_dir", None, "Folder of style pictures; repeat it.", required=True
)
_HELD_OUT = flags.DEFINE_integer(
    "held_out", 50, "Images of each folder to choose from.", lower_bound=1
)
_PAIRS = flags.DEFINE_integer("pairs", 20, "Number of pairs.", lower_bound=1)
_SIZES = flags.DEFINE_list("sizes", ["256"], "Longer sides, in pixels.")
_STEPS = flags.DEFINE_list(
    "steps", ["50", "100", "200"], "When the reference is measured; may be ''."
)
_FEATURES = flags.DEFINE_enum(
    "features",
    "vgg19",
    ["vgg16", "vgg19", "vgg_distilled"],
    "Network that judges.",
)
_FEATURE_WEIGHTS = flags.DEFINE_string(
    "feature_weights", None, "File of its weights (.h5)."
)
_ENCODER_WEIGHTS = flags.DEFINE_string(
    "encoder_weights", None, "File of the models' encoder's weights (.h5)."
)
_SHEET = flags.DEFINE_string(
    "sheet", None, "File for a sheet of all pairs: content, style, models."
)

_NUMBERS = "expected whole numbers above 0 with commas between"


def _are_numbers(values):
    return all(value.isdecimal() and int(value) for value in values)


flags.register_validator("sizes", lambda v: v and _are_numbers(v), _NUMBERS)
flags.register_validator("steps", _are_numbers, _NUMBERS)

_STYLE_WEIGHT = 5.0  # Of the reference.


def main(argv):
    """Prints a line for each pair."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    from tfstyle import devices, files, folders, images, weights

    if _SHEET.value:
        images.check_format(_SHEET.value)
        files.check_writable(_SHEET.value)
    weights.resolve(_FEATURES.value, _FEATURE_WEIGHTS.value)
    held_out = [
        folders.split_folders(roots, _HELD_OUT.value)[1]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]
    devices.start()
    from tfstyle import painters

    load = painters.load
    models = {m: load(m, _ENCODER_WEIGHTS.value) for m in _MODELS.value}
    rows, sheet = [], []
    for content, style, size in _pairs(*held_out):
        try:
            pair = [images.load(path, size) for path in (content, style)]
        except (OSError, ValueError) as error:
            cli.note(f"left out: {error}")
            continue
        pictures = {name: _painted(m, *pair) for name, m in models.items()}
        row = {"content": content.name, "style": style.name, "size": size}
        row |= _Reference(*pair).distances(pictures)
        print(json.dumps(row), flush=True)
        rows.append(row)
        sheet.append([*pair, *pictures.values()])
    if not rows:
        raise ValueError("None of the pairs could be read.")
    print(json.dumps({"medians": _medians(rows)}))
    if _SHEET.value:
        images.save(_SHEET.value, images.contact_sheet(sheet))


def _pairs(contents, styles):
    import numpy as np

    random = np.random.default_rng(0)
    count = min(_PAIRS.value, len(contents), len(styles))
    chosen = [random.permutation(len(p))[:count] for p in (contents, styles)]
    for size in map(int, _SIZES.value):
        for i, j in zip(*chosen, strict=True):
            yield contents[i], styles[j], size


def _painted(painter, content, style):
    return painter.paint(content, painter.embed([style]))


def _medians(rows):
    names = [key for key, value in rows[0].items() if isinstance(value, list)]
    return {
        name: [
            round(statistics.median(row[name][i] for row in rows), 4)
            for i in range(2)
        ]
        for name in names
    }


class _Reference:
    """Distances to a pair's photograph and style, and their minimisation."""

    content_layer = "block4_conv2"
    style_layers = tuple(f"block{i}_conv1" for i in range(1, 6))

    def __init__(self, content, style):
        from tfstyle import features, losses

        self.network = features.extractor(
            _FEATURES.value,
            [self.content_layer, *self.style_layers],
            weights=_FEATURE_WEIGHTS.value or "imagenet",
        )
        self.content = content
        self.maps = self.network(content[None])[self.content_layer]
        found = self.network(style[None])
        self.grams = {
            layer: losses.gram_matrix(found[layer])
            for layer in self.style_layers
        }

    def distances(self, pictures):
        """Name -> style loss and content distance."""
        found = {"photograph": self._measured(self.content)}
        found |= {n: self._measured(image) for n, image in pictures.items()}
        wanted = [int(step) for step in _STEPS.value]
        for step, image in self._optimised(max(wanted, default=0)):
            if step in wanted:
                found[f"reference {step}"] = self._measured(image)
        return found

    def _measured(self, image):
        import tensorflow as tf

        values = self._losses(tf.constant(image)[None])
        return [round(float(value), 5) for value in values]

    def _losses(self, image):
        from keras import ops

        from tfstyle import losses

        maps = self.network(image)
        style = sum(
            losses.style_loss(maps[layer], gram)[0] / ops.mean(ops.square(gram))
            for layer, gram in self.grams.items()
        )
        energy = ops.mean(ops.square(self.maps))
        content = losses.content_loss(maps[self.content_layer], self.maps)[0]
        return style / len(self.grams), content / energy

    def _optimised(self, steps):
        import keras
        import tensorflow as tf

        image = tf.Variable(self.content[None])
        optimizer = keras.optimizers.Adam(0.02)
        optimizer.build([image])

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                style, content = self._losses(image)
                loss = _STYLE_WEIGHT * style + content
            optimizer.apply([tape.gradient(loss, image)], [image])
            image.assign(tf.clip_by_value(image, 0.0, 1.0))

        for done in range(1, steps + 1):
            step()
            yield done, image.numpy()[0]


if __name__ == "__main__":
    cli.run(main)
