"""Adam, against a twin in NumPy, Keras' Adam, and by its properties."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfstyle.optimizers.adam import Adam, State

START = np.random.default_rng(0).uniform(0.4, 0.6, (1, 6, 8, 3))
START = START.astype("float32")
TARGET = np.random.default_rng(1).uniform(0, 1, (1, 6, 8, 3)).astype("float32")


def distance(x):
    """A mean, as losses are; steeper for some pixels than for others."""
    weights = tf.range(1.0, 49.0)[:, None]
    gaps = tf.reshape(tf.square(x - TARGET), (48, 3))
    value = tf.reduce_mean(weights * gaps)
    return value, {"double": 2 * value}


def with_gradient(function=distance):
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value, aux = function(x)
        return value, tape.gradient(value, x), aux

    return value_and_gradient


def run(optimizer, steps, state=None, function=distance):
    """All states, the first included."""
    value_and_gradient = with_gradient(function)
    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    states = [state or optimizer.init(START, aux=("double",))]
    for _ in range(steps):
        states.append(step(states[-1]))
    return states


def gradients(xs):
    found = []
    for x in xs:
        x = tf.cast(x, tf.float32)
        found.append(with_gradient()(x)[1].numpy())
    return found


def test_steps_are_those_of_a_twin_in_numpy():
    optimizer = Adam(
        learning_rate=0.03, final=0.2, steps=8, beta_1=0.8, beta_2=0.95
    )
    states = run(optimizer, 8)
    x = START.astype(np.float64)
    mean = square = average = weight = 0.0
    for step, state in enumerate(states[1:]):
        # With the gradients of the mean times the number of entries.
        gradient = gradients([x])[0] * x.size
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.95 * square + 0.05 * gradient**2
        unbiased = mean / (1 - 0.8 ** (step + 1))
        deviation = np.sqrt(square / (1 - 0.95 ** (step + 1)))
        rate = 0.03 * (1 - 0.8 * step / 8)
        x = np.clip(x - rate * unbiased / (deviation + 1e-8), 0, 1)
        average = 0.95 * average + 0.05 * x
        weight = 0.95 * weight + 0.05
        np.testing.assert_allclose(state.x, x, atol=1e-5)
        np.testing.assert_allclose(
            optimizer.picture(state), average / weight, atol=1e-5
        )


def test_steps_are_those_of_keras_inside_the_box():
    ours = Adam(learning_rate=0.01, final=1.0, beta_1=0.9, beta_2=0.99)
    variable = tf.Variable(START)
    theirs = keras.optimizers.Adam(0.01, 0.9, 0.99, epsilon=1e-8)
    for state in run(ours, 10)[1:]:
        theirs.apply([gradients([variable])[0] * START.size], [variable])
        np.testing.assert_allclose(state.x, variable, atol=1e-5)
    assert 0 < state.x.numpy().min() and state.x.numpy().max() < 1


def test_pixels_stay_in_the_box():
    optimizer = Adam(learning_rate=0.3, final=1.0)
    for state in run(optimizer, 20):
        for x in (state.x, optimizer.picture(state), state.best):
            assert x.numpy().min() >= 0 and x.numpy().max() <= 1
    # Some pixels are at the border on the way.
    assert (run(optimizer, 3)[-1].x.numpy() == 1).any()
    wide = optimizer.init(10 * START - 4.5).x.numpy()
    assert (wide.min(), wide.max()) == (0, 1)


@pytest.mark.parametrize("epsilon", [1e-8, 1.0])
def test_epsilon_means_the_same_at_every_size(epsilon):
    # A mean over four times the pixels has a quarter of the gradient.
    optimizer = Adam(epsilon=epsilon)
    moves = []
    for repeats in (1, 2):
        x = START.repeat(repeats, 1).repeat(repeats, 2)
        target = TARGET.repeat(repeats, 1).repeat(repeats, 2)
        state = run(
            optimizer,
            3,
            optimizer.init(x),
            lambda x, target=target: (tf.reduce_mean((x - target) ** 2), {}),
        )[-1]
        moves.append(state.x[:, ::repeats, ::repeats] - START)
    np.testing.assert_allclose(*moves, atol=1e-6)
    assert np.abs(moves[0]).max() > 0.01


def test_the_first_step_is_as_long_as_the_learning_rate():
    states = run(Adam(learning_rate=0.02), 1)
    moves = np.abs(states[1].x - states[0].x)
    np.testing.assert_allclose(moves, 0.02, rtol=1e-3)


def test_the_learning_rate_falls_linearly_within_a_size():
    optimizer = Adam(learning_rate=0.01, final=0.1, steps=10)
    slope = lambda x: (tf.reduce_mean(x), {})  # noqa: E731
    # Of a constant gradient each step is as long as the rate.
    states = run(optimizer, 10, optimizer.init(START), slope)
    xs = np.stack([state.x for state in states])
    moves = np.abs(np.diff(xs, axis=0)).mean(axis=(1, 2, 3, 4))
    expected = 0.01 * (1 - 0.9 * np.arange(10) / 10)
    np.testing.assert_allclose(moves, expected, rtol=1e-3)

    again = optimizer.resize(states[-1], 9, 12)
    first = run(optimizer, 1, again, slope)[-1]
    np.testing.assert_allclose(again.x - first.x, 0.01, rtol=1e-2)


def test_the_picture_is_the_start_before_the_first_step():
    optimizer = Adam()
    state = optimizer.init(START)
    np.testing.assert_array_equal(optimizer.picture(state), START)


def test_the_first_picture_is_the_first_step():
    optimizer = Adam()
    state = run(optimizer, 1)[-1]
    np.testing.assert_allclose(optimizer.picture(state), state.x, atol=1e-6)


def test_the_value_falls_and_the_best_is_kept():
    optimizer = Adam(learning_rate=0.1, final=1.0)
    states = run(optimizer, 30)
    # A state holds the value of the one before.
    values = [float(distance(state.x)[0]) for state in states]
    seen = [float(state.value) for state in states[1:]]
    np.testing.assert_allclose(seen, values[:-1], rtol=1e-5)
    assert any(np.diff(seen) > 0)  # Otherwise the last would be the best.
    index = int(np.argmin(seen))
    last = states[-1]
    assert float(last.best_value) == seen[index] < 0.1 * seen[0]
    np.testing.assert_array_equal(last.best, states[index].x)
    assert float(last.aux["double"]) == 2 * float(last.value)


def spoilt(value, slope):
    """A loss whose value and gradient are given."""
    return lambda x: (tf.constant(value), tf.fill(x.shape, slope), {})


@pytest.mark.parametrize(
    ("value", "slope"),
    [
        (np.nan, 1.0),
        (np.inf, 1.0),
        (1.0, np.nan),
        (1.0, np.inf),
        (1.0, 1e38),  # Its square is not finite.
    ],
)
def test_a_step_that_is_not_finite_is_not_taken(value, slope):
    optimizer = Adam()
    good = run(optimizer, 3)[-1]
    bad = tf.function(lambda s: optimizer.step(spoilt(value, slope), s))(
        good._replace(aux={})
    )
    assert np.isnan(bad.value)
    kept = ("x", "mean", "square", "count", "age", "average", "weight")
    for name in kept:
        np.testing.assert_array_equal(getattr(bad, name), getattr(good, name))
    assert np.isfinite(bad.best).all() and np.isfinite(bad.best_value)


def test_one_entry_that_is_not_finite_is_enough():
    optimizer = Adam()
    state = optimizer.init(START)
    gradient = np.ones_like(START)
    gradient[0, 2, 3, 1] = np.nan
    after = optimizer.step(lambda x: (tf.constant(1.0), gradient, {}), state)
    assert np.isnan(after.value)
    np.testing.assert_array_equal(after.x, START)


def test_a_run_goes_on_after_a_step_that_was_not_taken():
    optimizer = Adam()
    good = run(optimizer, 3)[-1]
    bad = optimizer.step(spoilt(np.nan, 1.0), good._replace(aux={}))
    expected = run(optimizer, 1, good)[-1]
    actual = run(optimizer, 1, bad._replace(aux=good.aux))[-1]
    np.testing.assert_array_equal(actual.x, expected.x)


def test_resizing_keeps_picture_and_moments():
    optimizer = Adam()
    before = run(optimizer, 7)[-1]
    after = optimizer.resize(before, 12, 16)
    assert after.x.shape == after.mean.shape == (1, 12, 16, 3)
    # Continues from the running average.
    pairs = {
        "x": (after.x, optimizer.picture(before)),
        "mean": (after.mean, before.mean),
        "square": (after.square, before.square),
    }
    for name, (large, small) in pairs.items():
        back = tf.image.resize(large, (6, 8), "area").numpy()
        similarity = np.corrcoef(back.ravel(), np.ravel(small))[0, 1]
        assert similarity > 0.9, name
        np.testing.assert_allclose(
            np.abs(back).mean(), np.abs(small).mean(), rtol=0.3
        )
    assert after.square.numpy().min() >= 0
    assert (int(after.count), int(after.age)) == (7, 0)
    assert float(after.best_value) == np.inf
    np.testing.assert_allclose(optimizer.picture(after), after.x, atol=1e-6)
    assert after.x.numpy().min() >= 0 and after.x.numpy().max() <= 1


def test_resizing_to_the_same_size_changes_only_the_point():
    optimizer = Adam(learning_rate=0.1)
    before = run(optimizer, 5)[-1]
    after = optimizer.resize(before, 6, 8)
    np.testing.assert_allclose(after.x, optimizer.picture(before), atol=1e-6)
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-6)
    np.testing.assert_allclose(after.square, before.square, rtol=1e-5)
    assert np.abs(after.x - before.x).max() > 1e-3


def test_detail_is_added_to_the_picture_that_is_resized():
    optimizer = Adam()
    before = run(optimizer, 3)[-1]
    plain = optimizer.resize(before, 12, 16)
    after = optimizer.resize(before, 12, 16, 0.125)
    expected = np.minimum(plain.x + 0.125, 1)
    # What bicubic resizing overshot was clipped afterwards.
    np.testing.assert_allclose(after.x, expected, atol=0.05)
    np.testing.assert_allclose(np.median(after.x - expected), 0, atol=1e-6)
    np.testing.assert_allclose(optimizer.picture(after), after.x, atol=1e-6)


def test_a_run_continued_from_a_file_is_the_same_bit_for_bit(tmp_path):
    optimizer = Adam(steps=20)
    uninterrupted = run(optimizer, 20)
    np.savez(tmp_path / "state.npz", **uninterrupted[9].to_numpy())
    with np.load(tmp_path / "state.npz") as arrays:
        state = State.from_numpy(arrays)
    continued = run(optimizer, 11, state)
    expected = uninterrupted[-1].to_numpy()
    actual = continued[-1].to_numpy()
    assert expected.keys() == actual.keys() >= {"x", "aux/double", "best"}
    for name, array in expected.items():
        assert array.dtype == actual[name].dtype
        assert array.tobytes() == actual[name].tobytes(), name


def test_levels_are_those_of_adam_for_a_sum_of_images():
    optimizer = Adam(learning_rate=0.004, final=1.0, levels=3)
    images = [tf.Variable(START)]
    images += [tf.Variable(tf.zeros((1, *s, 3))) for s in ((3, 4), (1, 2))]
    theirs = keras.optimizers.Adam(0.004, 0.9, 0.99, epsilon=1e-8)
    for state in run(optimizer, 6)[1:]:
        with tf.GradientTape() as tape:
            x = tf.add_n([tf.image.resize(image, (6, 8)) for image in images])
            value = distance(x)[0] * START.size
        theirs.apply(tape.gradient(value, images), images)
        x = tf.add_n([tf.image.resize(image, (6, 8)) for image in images])
        np.testing.assert_allclose(state.x, x, atol=2e-5)
    assert 0 < state.x.numpy().min() and state.x.numpy().max() < 1


def test_levels_move_regions_together():
    # What is wrong is alike everywhere: two levels are twice as fast.
    slope = lambda x: (tf.reduce_mean(x), {})  # noqa: E731
    moves = []
    for levels in (1, 2):
        optimizer = Adam(learning_rate=0.01, levels=levels)
        state = run(optimizer, 1, optimizer.init(START), slope)[-1]
        moves.append(float(tf.reduce_mean(START - state.x)))
    assert moves[1] == pytest.approx(2 * moves[0], rel=0.01)


def test_levels_are_resized_and_stored():
    optimizer = Adam(levels=3)
    state = optimizer.resize(run(optimizer, 3)[-1], 12, 16)
    shapes = [square.shape for square in state.coarse_square]
    assert shapes == [(1, 6, 8, 3), (1, 3, 4, 3)]
    again = State.from_numpy(state.to_numpy())
    for one, other in zip(
        state.coarse_square, again.coarse_square, strict=True
    ):
        np.testing.assert_array_equal(one, other)
        assert one.numpy().min() >= 0
    square = lambda x: (tf.reduce_mean(x**2), {})  # noqa: E731
    after = [
        run(optimizer, 1, s._replace(aux={}), square)[-1].x
        for s in (state, again)
    ]
    np.testing.assert_array_equal(*after)


def test_the_step_is_traced_once():
    optimizer = Adam()
    traces = []

    def value_and_gradient(x):
        traces.append(x)
        return with_gradient()(x)

    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    state = optimizer.init(START, aux=("double",))
    for _ in range(3):
        state = step(state)
    step(State.from_numpy(state.to_numpy()))
    assert len(traces) == 1


def test_the_result_is_the_average_or_the_best_picture():
    optimizer = Adam(learning_rate=0.02, steps=10)
    state = run(optimizer, 10)[-1]
    assert optimizer.age(state) == 10
    assert optimizer.finite(state) and not optimizer.converged(state)
    np.testing.assert_array_equal(optimizer.best(state), state.best)

    def step(state):
        return optimizer.step(with_gradient(), state)

    average = optimizer.picture(state)
    worse = state._replace(best_value=distance(average)[0] + 1)
    np.testing.assert_array_equal(optimizer.result(step, worse), average)
    better = state._replace(best_value=distance(average)[0] - 1e-3)
    np.testing.assert_array_equal(optimizer.result(step, better), state.best)


def test_a_state_whose_step_failed_is_not_finite():
    optimizer = Adam()
    state = run(optimizer, 2)[-1]
    failed = optimizer.step(lambda x: (np.nan * x[0, 0, 0, 0], x, {}), state)
    assert not optimizer.finite(failed)
    assert optimizer.age(failed) == 2
