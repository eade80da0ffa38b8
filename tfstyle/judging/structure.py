"""Measures of how much of the photograph's structure a picture keeps.

References: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From
Error Visibility to Structural Similarity", 2004; Chung, Hyun and Heo, "Style
Injection in Diffusion", CVPR 2024, section 5.1 (content feature structural
distance), with Oxford's VGG19 in place of torchvision's, which was trained
anew: figures are near those of papers, not the same. CFSD is a sum over
positions and grows with the size; papers have 512 pixels.
"""

import numpy as np
import tensorflow as tf

LAYER = "block3_conv1"
"""Layer whose maps the structural distance compares."""

# Torchvision's networks see pixels divided by their spread, Oxford's see 0 to
# 255: maps of the latter are larger by this factor.
_OXFORD = 255 * 0.225
_ROWS = 512  # Positions whose similarities are in memory together.


def similarity(picture: np.ndarray, content: np.ndarray) -> float:
    """Returns SSIM: 1 for the photograph itself, about 0 for any other.

    Args:
        picture: RGB image, `(height, width, 3)`, values in [0, 1]; 11 pixels
            or more on each side.
        content: Photograph of the same shape.
    """
    return float(tf.image.ssim(picture[None], content[None], max_val=1.0)[0])


def structural_distance(maps: np.ndarray, content: np.ndarray) -> float:
    """Returns CFSD, the content feature structural distance.

    Args:
        maps: Maps of the picture at `LAYER` of Oxford's VGG19, `(1, height,
            width, channels)`.
        content: Maps of the photograph.

    Returns:
        Sum over all positions of the Kullback-Leibler divergence of their
        similarities to all others, each a distribution; 0 for the photograph.
    """
    ours, theirs = (_vectors(x) for x in (maps, content))
    total = 0.0
    for start in range(0, len(ours), _ROWS):
        rows = slice(start, start + _ROWS)
        found, wanted = (
            tf.nn.log_softmax(tf.matmul(x[rows], x, transpose_b=True))
            for x in (ours, theirs)
        )
        total += float(tf.reduce_sum(tf.exp(wanted) * (wanted - found)))
    return total


def _vectors(maps: np.ndarray) -> tf.Tensor:
    # In float32, rounding exceeds the distance of maps that are nearly equal.
    channels = maps.shape[-1]
    flat = tf.reshape(tf.cast(maps, tf.float64), (-1, channels))
    return flat / (_OXFORD * channels)
