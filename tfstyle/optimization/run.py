"""What runs of `stylize` and `deep_dream` have in common."""

import dataclasses
from typing import Any

from tfstyle.pretrained import weights


def identity(config: Any, note: Any = None) -> list[Any]:
    """The settings that tell runs apart, as JSON can hold them.

    Args:
        config: `GatysConfig` or `DreamConfig`, with the name of a network.
        note: What else tells runs apart.

    Returns:
        The settings, with the digest of the file of weights for its path.
    """
    named = dataclasses.asdict(config)
    path = named.pop("feature_weights")
    named["weights"] = weights.resolve(config.features, path).digest
    return [named, note]
