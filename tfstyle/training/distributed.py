"""Training on several hosts, with `tf.distribute` and a custom loop.

Keras' `fit` does not run under `MultiWorkerMirroredStrategy` (keras#20585).
Each host runs the same program; `TF_CONFIG` says which host it is and where
the others are. Every replica takes its rows of each batch, and the gradients
of all replicas are summed. Only the first host writes files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfstyle.fitting.reporting import FETCH, Report
from tfstyle.fitting.resuming import restore, save
from tfstyle.runtime.progress import OnStep
from tfstyle.runtime.types import Path


def are_several(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether a strategy spans several hosts."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process, the chief or only one, writes files."""
    if not are_several(strategy):
        return True
    resolver = strategy.cluster_resolver
    return resolver.task_type in (None, "chief") or (
        resolver.task_id == 0 and "chief" not in resolver.cluster_spec().jobs
    )


def fit(
    strategy: tf.distribute.Strategy,
    model: keras.Model,
    make_data: Callable[[int, int, int], keras.utils.PyDataset],
    steps: int,
    epoch: int,
    *,
    size: int,
    held_out: keras.utils.PyDataset,
    folder: Path | None = None,
    key: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
    on_epoch: Sequence[Callable[[int], None]] = (),
) -> bool:
    """Trains a model on several hosts, like `loop.fit` on one.

    Args:
        strategy: Strategy in whose scope the model and its optimizer were
            made.
        model: Compiled model whose `objective` returns the terms of the loss.
        make_data: See `loop.fit`; the number of replicas divides the number
            of rows of each batch.
        steps: See `loop.fit`.
        epoch: See `loop.fit`.
        size: See `loop.fit`.
        held_out: See `loop.fit`.
        folder: See `loop.fit`; all hosts can read it.
        key: See `loop.fit`.
        on_step: See `loop.fit`; called on each host, any of which can end the
            run of all.
        on_epoch: See `loop.fit`; called on the first host only.

    Returns:
        Whether all steps were done.
    """
    loop = _Loop(strategy, model)
    done = restore(model, folder, dict(key or {}))
    if done >= steps and is_chief(strategy):
        for call in on_epoch:
            call(done)
    report = Report(on_step, size, done, steps)
    while done < steps and not report.ended:
        count, first = divmod(done, epoch)
        data = make_data(count, first, min(epoch - first, steps - done))
        logs: dict[str, float] = {}  # Means of the epoch so far.
        for batch in range(len(data)):
            for name, value in loop.step(*data[batch][0]).items():
                mean = logs.get(name, 0.0)
                logs[name] = mean + (value - mean) / (batch + 1)
            report.done += 1
            fetched = report.done % FETCH == 0
            report.tell(logs if fetched else {})
            report.ended = loop.any(report.ended)
            if report.ended:
                report.fetch(logs)  # Never save a diverged model.
                break
        else:
            report.tell(logs | loop.evaluate(held_out))
            report.ended = loop.any(report.ended)
        done = report.done
        if is_chief(strategy):
            for call in on_epoch:
                call(done)
            if folder is not None:
                meta = {"key": dict(key or {}), "steps": done}
                save(model, folder, meta)
    return done >= steps


class _Loop:
    """The compiled functions that run on all replicas."""

    def __init__(
        self, strategy: tf.distribute.Strategy, model: keras.Model
    ) -> None:
        self.strategy, self.model = strategy, model
        self._step = tf.function(self._on_all, autograph=False)
        self._terms = tf.function(self._means, autograph=False)

    def step(self, contents: Any, styles: Any) -> dict[str, float]:
        """Trains on a batch; returns the terms of the loss and their sum."""
        found = self._step(self._rows(contents), self._rows(styles))
        return _with_sum(found)

    def evaluate(self, data: keras.utils.PyDataset) -> dict[str, float]:
        """Returns the mean terms of all batches, as `val_...`; on this host."""
        found = [self._terms(*data[i][0]) for i in range(len(data))]
        means = {
            name: math.fsum(float(terms[name]) for terms in found) / len(found)
            for name in found[0]
        }
        return {f"val_{name}": v for name, v in _with_sum(means).items()}

    def any(self, flag: bool) -> bool:
        """Returns whether the flag is true on one of the hosts."""
        values = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(float(flag))
        )
        return bool(self.strategy.reduce("SUM", values, axis=None) > 0)

    def _rows(self, images: np.ndarray) -> Any:
        """Gives each replica every n-th image, starting at its own index."""

        def rows(context: Any) -> tf.Tensor:
            first = context.replica_id_in_sync_group
            return tf.constant(images[first :: context.num_replicas_in_sync])

        return self.strategy.experimental_distribute_values_from_function(rows)

    def _on_all(self, contents: Any, styles: Any) -> dict[str, tf.Tensor]:
        terms = self.strategy.run(self._on_one, args=(contents, styles))
        return {
            name: self.strategy.reduce("MEAN", value, axis=None)
            for name, value in terms.items()
        }

    def _on_one(
        self, contents: tf.Tensor, styles: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            terms = self._means(contents, styles)
            # The optimizer sums the gradients of all replicas.
            fraction = 1 / self.strategy.num_replicas_in_sync
            loss = fraction * tf.add_n(list(terms.values()))
            scaled = self.model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, variables)
        self.model.optimizer.apply_gradients(
            zip(gradients, variables, strict=True)
        )
        return terms

    def _means(
        self, contents: tf.Tensor, styles: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        images = self.model((contents, styles), training=True)
        terms = self.model.objective(images, contents, styles)
        return {name: tf.reduce_mean(v) for name, v in terms.items()}


def _with_sum(terms: Mapping[str, Any]) -> dict[str, float]:
    values = {name: float(value) for name, value in terms.items()}
    return {"loss": math.fsum(values.values()), **values}
