"""What the settings of all trainings share: choices, checks, descriptions."""

from tfstyle.runtime import checks

POLICIES = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
"""Precisions of a network that is trained; see `devices.policy`."""

# Ends of sentences.
DTYPE = (
    "feature maps: float32, bfloat16, or auto: bfloat16 where the device "
    "calculates in it."
)
PUBLISHED = "if not given, the published file, which is downloaded once."
# Whole sentences.
PRECISION = (
    "Precision of the network that is trained, a Keras policy: float32, "
    "mixed_bfloat16, mixed_float16, or auto: the fastest one of the device, "
    "or that of the run that is continued."
)
STEPS = "Optimizer steps in all."
EPOCH = "Steps between checkpoints."
LEARNING_RATE = (
    "Largest learning rate of Adam: it rises to this over the first steps and "
    "falls as a cosine."
)


def check_crop(name: str, value: int) -> None:
    """Raises `ValueError` unless crops are 32 pixels or more."""
    checks.count(name, value)
    if value < 32:
        raise ValueError(
            f"`{name}` must be 32 or more. Received: {name}={value}"
        )


def check_smallest(name: str, value: float) -> None:
    """Raises `ValueError` unless a fraction is above 0 and at most 1."""
    if not 0 < value <= 1:
        raise ValueError(
            f"`{name}` must be above 0 and at most 1. Received: {name}={value}"
        )
