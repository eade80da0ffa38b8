"""Type aliases that all packages share."""

import os
from typing import Any

import numpy as np

Path = str | os.PathLike[str]
Shape = tuple[int, int]
"""Height and width, in pixels."""
Image = np.ndarray
"""Float32, RGB in [0, 1], of shape `(height, width, 3)`."""
Tensor = Any
"""An array of the backend of Keras; none of the backends publishes types."""
