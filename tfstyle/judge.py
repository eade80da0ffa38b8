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

from tfstyle.cli import program

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

# Of the reference.
_STYLE_WEIGHT, _RATE, _BETAS = 5.0, 0.02, (0.9, 0.999)


def main(argv):
    """Prints a line for each pair."""
    if len(argv) > 1:
        raise app.UsageError(f"Unexpected arguments: {argv[1:]}")
    from tfstyle import images
    from tfstyle.images import folders
    from tfstyle.pretrained import weights
    from tfstyle.runtime import devices, files

    if _SHEET.value:
        images.check_format(_SHEET.value)
        files.check_writable(_SHEET.value)
    weights.resolve(_FEATURES.value, _FEATURE_WEIGHTS.value)
    held_out = [
        folders.split_folders(roots, _HELD_OUT.value)[1]
        for roots in (_CONTENT_DIR.value, _STYLE_DIR.value)
    ]
    devices.start()
    from tfstyle.adain import stylizers
    from tfstyle.adain.model import check_image
    from tfstyle.features import memory

    for size in map(int, _SIZES.value):
        memory.check((size, size), [(size, size)], features=_FEATURES.value)
    load = stylizers.load
    models = {m: load(m, _ENCODER_WEIGHTS.value) for m in _MODELS.value}
    reference = _Reference()
    rows, sheet = [], []
    for content, style, size in _pairs(*held_out):
        try:
            pair = [images.load(path, size) for path in (content, style)]
            for image in pair:
                check_image(image)
        except (OSError, ValueError) as error:
            program.note(f"left out {content.name} with {style.name}: {error}")
            continue
        pictures = {name: _painted(m, *pair) for name, m in models.items()}
        row = {"content": content.name, "style": style.name, "size": size}
        row |= reference.distances(pair[0], pair[1], pictures)
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
    """Distances to a pair's photograph and style, and their minimisation.

    One network for all pairs, and one graph of a step, for sizes that differ:
    TensorFlow keeps what it has compiled.
    """

    content_layer = "block4_conv2"
    style_layers = tuple(f"block{i}_conv1" for i in range(1, 6))

    def __init__(self):
        import tensorflow as tf

        from tfstyle import features

        self.network = features.extractor(
            _FEATURES.value,
            [self.content_layer, *self.style_layers],
            weights=_FEATURE_WEIGHTS.value or "imagenet",
        )
        self.step = tf.function(self._step, reduce_retracing=True)

    def distances(self, content, style, pictures):
        """Name -> style loss and content distance."""
        target = self._target(content, style)
        found = {
            name: self._measured(image, target)
            for name, image in {"photograph": content, **pictures}.items()
        }
        wanted = [int(step) for step in _STEPS.value]
        steps = max(wanted, default=0)
        for step, image in self._optimised(content, target, steps):
            if step in wanted:
                found[f"reference {step}"] = self._measured(image, target)
        return found

    def _target(self, content, style):
        """Maps of the photograph, and Gram matrices of the style by layer."""
        from tfstyle import losses

        found = self.network(style[None])
        grams = {n: losses.gram_matrix(found[n]) for n in self.style_layers}
        return self.network(content[None])[self.content_layer], grams

    def _measured(self, image, target):
        import tensorflow as tf

        values = self._losses(tf.constant(image)[None], target)
        return [round(float(value), 5) for value in values]

    def _losses(self, image, target):
        from keras import ops

        from tfstyle import losses

        maps, (wanted, grams) = self.network(image), target
        style = sum(
            losses.style_loss(maps[layer], gram)[0] / ops.mean(ops.square(gram))
            for layer, gram in grams.items()
        )
        energy = ops.mean(ops.square(wanted))
        content = losses.content_loss(maps[self.content_layer], wanted)[0]
        return style / len(grams), content / energy

    def _optimised(self, content, target, steps):
        import tensorflow as tf

        image = tf.constant(content)[None]
        state = image, tf.zeros_like(image), tf.zeros_like(image)
        for done in range(1, steps + 1):
            state = self.step(*state, tf.constant(done, tf.float32), target)
            yield done, state[0].numpy()[0]

    def _step(self, image, mean, square, count, target):
        """One of Adam (Kingma and Ba, algorithm 1): image and both moments."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(image)
            style, content = self._losses(image, target)
            loss = _STYLE_WEIGHT * style + content
        gradient = tape.gradient(loss, image)
        mean += (1 - _BETAS[0]) * (gradient - mean)
        square += (1 - _BETAS[1]) * (gradient**2 - square)
        rate = _RATE * tf.sqrt(1 - _BETAS[1] ** count)
        rate /= 1 - _BETAS[0] ** count
        image -= rate * mean / (tf.sqrt(square) + 1e-7)
        return tf.clip_by_value(image, 0.0, 1.0), mean, square


if __name__ == "__main__":
    program.run(main)
