"""The functions of an exported model, with named inputs and outputs.

| signature         | inputs                                     | output            |
|-------------------|--------------------------------------------|-------------------|
| `serving_default` | `content_image, style_image`               | `stylized_image`  |
| `stylize`         | `content_image, style_image, strength`     | `stylized_image`  |
| `embed_style`     | `style_image`                              | `style_embedding` |
| `apply_style`     | `content_image, style_embedding, strength` | `stylized_image`  |
| `paint`           | `content_image, strength`                  | `stylized_image`  |

`paint` is offered by specialized models and takes the style inside, or equal
shares of several. All but the first also exist with `_bytes` after their names and those of the
images, which are then files.

| input or output      | type    | shape                   | values            |
|----------------------|---------|-------------------------|-------------------|
| `..._image`          | float32 | `[N, height, width, 3]` | RGB in [0, 1]     |
| `..._image_bytes`    | string  | `[N]`                   | JPEG or PNG files |
| `style_embedding`    | float32 | `[N, size]`             | within 1e6 of 0   |
| `strength`           | float32 | `[N]`                   | 0 (none) to 1     |

Sizes are free, and contents and styles may differ in size. All inputs have the
same `N`.
"""  # noqa: E501 (tables)

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfstyle.adain import embeddings
from tfstyle.adain.model import StyleModel
from tfstyle.adain.stylizers import SMALLEST
from tfstyle.export import graph_images
from tfstyle.export.config import ExportConfig
from tfstyle.export.graphs import Graphs
from tfstyle.features import convolution


class Signatures:
    """Signatures of a model, each a method that checks its inputs.

    The checks are part of the graph.

    Args:
        model: Model to serve.
        config: Settings of formats and limits.
        graphs: Graphs of the model; of free sizes if not given.
    """

    NAMES: tuple[str, ...] = (
        "serving_default",
        "stylize",
        "stylize_bytes",
        "embed_style",
        "embed_style_bytes",
        "apply_style",
        "apply_style_bytes",
    )
    PAINTING: tuple[str, ...] = ("paint", "paint_bytes")

    def __init__(
        self,
        model: StyleModel,
        config: ExportConfig,
        graphs: Graphs | None = None,
    ) -> None:
        self._config = config
        self._graphs = graphs or Graphs(model)
        if "paint" in self.names(model):
            self._inside = embed_inside(model)

    @classmethod
    def names(cls, model: StyleModel) -> tuple[str, ...]:
        """Returns the names of the signatures that a model offers."""
        return cls.NAMES + (cls.PAINTING if model.settings["styles"] else ())

    def function(self, call: Callable[..., Any]) -> Any:
        """Returns a signature's `tf.function`, see `Graphs.function`."""
        return self._graphs.function(call)

    def serving_default(
        self, content_image: tf.Tensor, style_image: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Stylizes contents by style pictures, at full strength."""
        contents, styles = self._checked(
            content_image=content_image, style_image=style_image
        )
        strength = tf.ones(tf.shape(contents)[:1])
        return {"stylized_image": self._stylized(contents, styles, strength)}

    def stylize(
        self,
        content_image: tf.Tensor,
        style_image: tf.Tensor,
        strength: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Stylizes contents by style pictures."""
        contents, styles, strength = self._checked(
            content_image=content_image,
            style_image=style_image,
            strength=strength,
        )
        return {"stylized_image": self._stylized(contents, styles, strength)}

    def stylize_bytes(
        self,
        content_image_bytes: tf.Tensor,
        style_image_bytes: tf.Tensor,
        strength: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Stylizes files of contents by files of styles."""

        def one(example: Sequence[tf.Tensor]) -> tf.Tensor:
            content, style, strength = example
            return self._encode(
                self._stylized(
                    self._decode(content, "content_image_bytes"),
                    self._decode(style, "style_image_bytes"),
                    strength[None],
                )
            )

        inputs = self._checked(
            content_image_bytes=content_image_bytes,
            style_image_bytes=style_image_bytes,
            strength=strength,
        )
        return {"stylized_image_bytes": _map(one, inputs, tf.string)}

    def embed_style(self, style_image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns style embeddings, for `apply_style`."""
        (styles,) = self._checked(style_image=style_image)
        return {"style_embedding": self._graphs.embed(styles)}

    def embed_style_bytes(
        self, style_image_bytes: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the style embeddings of files, for `apply_style`."""

        def one(example: Sequence[tf.Tensor]) -> tf.Tensor:
            styles = self._decode(example[0], "style_image_bytes")
            return self._graphs.embed(styles)[0]

        inputs = self._checked(style_image_bytes=style_image_bytes)
        return {"style_embedding": _map(one, inputs, tf.float32)}

    def apply_style(
        self,
        content_image: tf.Tensor,
        style_embedding: tf.Tensor,
        strength: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Stylizes contents by style embeddings."""
        inputs = self._checked(
            content_image=content_image,
            style_embedding=style_embedding,
            strength=strength,
        )
        return {"stylized_image": self._graphs.apply(*inputs)}

    def apply_style_bytes(
        self,
        content_image_bytes: tf.Tensor,
        style_embedding: tf.Tensor,
        strength: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Stylizes files of contents by style embeddings."""

        def one(example: Sequence[tf.Tensor]) -> tf.Tensor:
            content, embedding, strength = example
            contents = self._decode(content, "content_image_bytes")
            return self._encode(
                self._graphs.apply(contents, embedding[None], strength[None])
            )

        inputs = self._checked(
            content_image_bytes=content_image_bytes,
            style_embedding=style_embedding,
            strength=strength,
        )
        return {"stylized_image_bytes": _map(one, inputs, tf.string)}

    def paint(
        self, content_image: tf.Tensor, strength: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Stylizes contents by the styles inside the model."""
        contents, strength = self._checked(
            content_image=content_image, strength=strength
        )
        painted = self._graphs.apply(contents, self._inside, strength)
        return {"stylized_image": painted}

    def paint_bytes(
        self, content_image_bytes: tf.Tensor, strength: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Stylizes files of contents by the styles inside the model."""

        def one(example: Sequence[tf.Tensor]) -> tf.Tensor:
            content, strength = example
            contents = self._decode(content, "content_image_bytes")
            return self._encode(
                self._graphs.apply(contents, self._inside, strength[None])
            )

        inputs = self._checked(
            content_image_bytes=content_image_bytes, strength=strength
        )
        return {"stylized_image_bytes": _map(one, inputs, tf.string)}

    def _stylized(
        self,
        contents: tf.Tensor,
        styles: tf.Tensor,
        strength: tf.Tensor,
    ) -> tf.Tensor:
        return self._graphs.apply(
            contents, self._graphs.embed(styles), strength
        )

    def _checked(self, **inputs: tf.Tensor) -> list[tf.Tensor]:
        """Returns the inputs in their order, after asserting them."""
        inputs = {
            name: graph_images.ensure_shape(value, name)
            for name, value in inputs.items()
        }
        counts = tf.stack([tf.shape(value)[0] for value in inputs.values()])
        same = (
            tf.reduce_all((counts == counts[0]) & (counts > 0)),
            f"{', '.join(inputs)} must hold equally many examples, one or "
            "more: repeat the style for each content.",
            counts,
        )
        return [
            self._check_values(graph_images.ensure(value, same), name)
            for name, value in inputs.items()
        ]

    def _check_values(self, value: tf.Tensor, name: str) -> tf.Tensor:
        if name.endswith("_image"):
            return graph_images.check(value, name, **self._limits)
        if name == "strength":
            valid = tf.reduce_all((value >= 0) & (value <= 1))
            text = "strength must be from 0 to 1."
            return graph_images.ensure(value, (valid, text, value))
        if name == "style_embedding":
            # Those of pictures are far below; far above, results are NaN.
            valid = tf.reduce_all(tf.abs(value) <= 1e6)
            text = "style_embedding must be finite, within 1e6 of 0."
            return graph_images.ensure(value, (valid, text, value))
        return value

    def _decode(self, data: tf.Tensor, name: str) -> tf.Tensor:
        return graph_images.decode(data, name, **self._limits)[None]

    def _encode(self, images: tf.Tensor) -> tf.Tensor:
        return graph_images.encode(images[0], self._config)

    @property
    def _limits(self) -> dict[str, int]:
        return {
            "smallest": SMALLEST,
            "max_pixels": self._config.max_pixels,
        }


class UncheckedSignatures(Signatures):
    """Signatures for runtimes that have neither assertions nor strings.

    Args:
        model: Model to convert.
        graphs: See `Signatures`.
    """

    NAMES = ("stylize", "embed_style", "apply_style")
    PAINTING = ("paint",)

    def __init__(self, model: StyleModel, graphs: Graphs | None = None) -> None:
        super().__init__(model, ExportConfig(), graphs)

    def _checked(self, **inputs: tf.Tensor) -> list[tf.Tensor]:
        return list(inputs.values())


@convolution.portable
def embed_inside(model: StyleModel) -> np.ndarray:
    """Returns the embedding of a specialized model's styles, `(1, size)`."""
    each = [model.embed_style(style[None]) for style in model.styles]
    return np.asarray(embeddings.blend(each))


def _map(
    function: Callable[[Sequence[tf.Tensor]], tf.Tensor],
    inputs: list[tf.Tensor],
    dtype: tf.DType,
) -> tf.Tensor:
    """Maps examples one by one: images differ in size, memory is limited."""
    return tf.map_fn(
        function, inputs, fn_output_signature=dtype, parallel_iterations=1
    )
