"""Losses of images and of feature maps, and the statistics they compare.

Every function is pure, takes channels-last tensors and uses `keras.ops` only,
so it runs on any Keras backend. Losses return one value per example, shape
`(batch,)`; the caller weights and adds them. Statistics are computed in
float32, whatever the precision of the features, and roots of small matrices in
float64.

Statistics of a region (Gatys et al. 2017, section 3.2) are those of all
positions, weighted: the weights have shape `(1 or batch, height * width, 1)`
and mean 1, see `objective.statistics`. The paper's guidance channels are their
roots.

| loss                    | compares                  | reference              |
|-------------------------|---------------------------|------------------------|
| `content_loss`          | feature maps              | Gatys 2016, eq. 1      |
| `style_loss`            | Gram matrices             | Gatys 2016, eq. 4      |
| `moments_loss`          | channel means, deviations | Huang 2017, eq. 13     |
| `wasserstein_loss`      | means and covariances     | Olkin, Pukelsheim 1982 |
| `histogram_loss`        | histogram of each channel | Risser 2017, eq. 8     |
| `structure_loss`        | edges                     | Li 2017, eq. 4         |
| `layout_loss`           | mean colors of squares    | our own                |
| `total_variation_loss`  | neighboring pixels        | Mahendran 2015, eq. 4  |
| `chroma_variation_loss` | their colors without gray | our own                |
| `evenness_loss`         | neighboring squares       | our own                |
"""

from tfstyle.losses.content import (
    content_loss,
    laplacian,
    layout_loss,
    layout_part,
    structure_loss,
    structure_part,
)
from tfstyle.losses.gram import gram_matrix, style_loss, style_slope
from tfstyle.losses.histogram import histogram_loss, quantiles
from tfstyle.losses.moments import channel_moments, moments_loss
from tfstyle.losses.scaling import energy, relative
from tfstyle.losses.variation import (
    Evenness,
    chroma_variation_loss,
    evenness,
    evenness_loss,
    evenness_part,
    squares,
    total_variation_loss,
    variation_part,
)
from tfstyle.losses.wasserstein import (
    Gaussian,
    gaussian,
    mean_covariance,
    wasserstein_loss,
    wasserstein_slopes,
)

__all__ = [
    "Evenness",
    "Gaussian",
    "channel_moments",
    "chroma_variation_loss",
    "content_loss",
    "energy",
    "evenness",
    "evenness_loss",
    "evenness_part",
    "gaussian",
    "gram_matrix",
    "histogram_loss",
    "laplacian",
    "layout_loss",
    "layout_part",
    "mean_covariance",
    "moments_loss",
    "quantiles",
    "relative",
    "squares",
    "structure_loss",
    "structure_part",
    "style_loss",
    "style_slope",
    "total_variation_loss",
    "variation_part",
    "wasserstein_loss",
    "wasserstein_slopes",
]
