"""L-BFGS, against SciPy's L-BFGS-B and by its properties."""

import numpy as np
import pytest
import scipy.optimize
import tensorflow as tf

from tfstyle.optimizers.lbfgs import LBFGS
from tfstyle.optimizers.lbfgs_state import State

INFINITY = float("inf")


def rosenbrock(x):
    valley = x[1:] - tf.square(x[:-1])
    return tf.reduce_sum(100 * tf.square(valley) + tf.square(1 - x[:-1]))


def quadratic(size, condition, seed=0):
    """Convex, with eigenvalues from 1 / `condition` to 1 and a random centre.

    Most entries of its minimum within the box [0, 1] are on the border.
    """
    random = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(random.normal(size=(size, size)))
    matrix = (basis * np.geomspace(1 / condition, 1, size)) @ basis.T
    matrix = tf.constant(matrix, tf.float32)
    centre = tf.constant(random.normal(size=size), tf.float32)

    def function(x):
        x -= centre
        return tf.tensordot(x, tf.linalg.matvec(matrix, x), 1) / 2

    return function


def gram(x):
    """Not convex: makes the Gram matrix of an image that of stripes."""
    stripes = np.tile(np.eye(3, dtype=np.float32), (4, 1))
    x = tf.reshape(x, (-1, 3))
    difference = tf.matmul(x, x, transpose_a=True) - stripes.T @ stripes
    return tf.reduce_mean(tf.square(difference)) + tf.reduce_mean(x**4)


def with_gradient(function):
    def value_and_gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = function(x)
        return value, tape.gradient(value, x)

    return value_and_gradient


def run(optimizer, value_and_gradient, state, steps=1000):
    """All states, until convergence."""
    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    states = [state]
    while not states[-1].converged and len(states) <= steps:
        states.append(step(states[-1]))
    return states


def scipy_values(function, start, lower, upper):
    """SciPy's solution and the values in the order of its evaluations."""
    evaluate = tf.function(with_gradient(function))
    values = []

    def fun(x):
        value, gradient = evaluate(tf.constant(x, tf.float32))
        values.append(float(value))
        return values[-1], gradient.numpy().astype(np.float64)

    result = scipy.optimize.minimize(
        fun,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(lower, upper)] * len(start),
        options={"maxcor": 10, "maxiter": 2000, "ftol": 1e-12, "gtol": 1e-7},
    )
    return result.x, values


@pytest.mark.parametrize(
    ("function", "start", "lower", "upper", "atol"),
    [
        pytest.param(
            rosenbrock, [-1.2, 1], -INFINITY, INFINITY, 1e-5, id="rosenbrock-2"
        ),
        pytest.param(
            rosenbrock,
            [-1.2, 1] * 5,
            -INFINITY,
            INFINITY,
            1e-5,
            id="rosenbrock-10",
        ),
        pytest.param(
            rosenbrock, [-1.2, 0.5] * 5, -1.5, 0.8, 1e-4, id="rosenbrock-box"
        ),
        pytest.param(
            quadratic(20, 1e1), [0] * 20, -INFINITY, INFINITY, 1e-5, id="easy"
        ),
        pytest.param(
            quadratic(20, 1e3), [0] * 20, -INFINITY, INFINITY, 1e-3, id="ill"
        ),
        # The value is not 0 at the minimum, so that its float32 rounding hides
        # changes of x of about its root, 3e-4, times that of the condition.
        pytest.param(
            quadratic(200, 1e1), [0.5] * 200, 0, 1, 5e-3, id="easy-box"
        ),
        pytest.param(quadratic(20, 1e3), [0.5] * 20, 0, 1, 5e-3, id="ill-box"),
        pytest.param(
            quadratic(200, 1e4), [0.5] * 200, 0, 1, 2e-2, id="large-ill-box"
        ),
    ],
)
def test_finds_what_scipy_finds_with_as_few_evaluations(
    function, start, lower, upper, atol
):
    expected, values = scipy_values(function, start, lower, upper)
    optimizer = LBFGS(lower=lower, upper=upper)
    state = optimizer.init(tf.constant(start, tf.float32))
    states = run(optimizer, with_gradient(function), state)

    np.testing.assert_allclose(states[-1].x, expected, atol=atol)
    for share in (1e-2, 1e-4, 1e-6):
        target = min(values) + share * (values[0] - min(values))
        scipys = next(i for i, v in enumerate(values, 1) if v <= target)
        ours = next(s.evaluations for s in states if s.value <= target)
        assert int(ours) <= 1.5 * scipys + 2, share


def test_entries_at_active_bounds_are_those_of_scipy():
    function = quadratic(100, 1e2)
    expected, _ = scipy_values(function, np.full(100, 0.5), 0, 1)
    optimizer = LBFGS()
    state = optimizer.init(tf.fill([100], 0.5))
    x = run(optimizer, with_gradient(function), state)[-1].x.numpy()

    border = (expected == 0) | (expected == 1)
    assert 50 < border.sum() < 90
    np.testing.assert_array_equal(x[border], expected[border])
    assert (0 < x[~border]).all() and (x[~border] < 1).all()


def test_the_value_never_rises_and_the_box_is_never_left():
    inside = []

    def value_and_gradient(x):
        inside.append(bool(tf.reduce_all((x >= -1.5) & (x <= 0.75))))
        return with_gradient(rosenbrock)(x)

    optimizer = LBFGS(lower=-1.5, upper=0.75)
    states = [optimizer.init([-1.2, 0.5] * 5)]
    for _ in range(40):  # Not compiled, to see every trial.
        states.append(optimizer.step(value_and_gradient, states[-1]))

    assert len(inside) > 30 and all(inside)
    values = [float(state.value) for state in states]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.1 * values[1]
    assert float(tf.reduce_max(states[-1].x)) == 0.75


def test_a_step_is_mostly_one_evaluation():
    optimizer = LBFGS()
    start = np.random.default_rng(0).uniform(size=(1, 24, 32, 3))
    state = optimizer.init(tf.constant(start, tf.float32))
    states = run(optimizer, with_gradient(gram), state, steps=40)
    assert int(states[-1].evaluations) <= 1.1 * (len(states) - 1)


def test_a_run_continued_from_a_file_is_the_same_bit_for_bit(tmp_path):
    def value_and_gradient(x):
        value, gradient = with_gradient(gram)(x)
        return value, gradient, {"mean": tf.reduce_mean(x)}

    optimizer = LBFGS(history=4)
    start = np.random.default_rng(0).uniform(size=(1, 8, 6, 3))
    state = optimizer.init(tf.constant(start, tf.float32), aux=("mean",))
    uninterrupted = run(optimizer, value_and_gradient, state, 30)
    np.savez(tmp_path / "state.npz", **uninterrupted[11].to_numpy())

    with np.load(tmp_path / "state.npz") as arrays:
        state = State.from_numpy(arrays)
    continued = run(optimizer, value_and_gradient, state, 19)

    expected = uninterrupted[-1].to_numpy()
    actual = continued[-1].to_numpy()
    assert expected.keys() == actual.keys()
    assert expected["steps"].shape == (4, 1, 8, 6, 3)
    for name, array in expected.items():
        assert array.dtype == actual[name].dtype
        assert array.tobytes() == actual[name].tobytes(), name


def test_aux_is_that_of_the_best_point():
    def value_and_gradient(x):
        value, gradient = with_gradient(rosenbrock)(x)
        return value, gradient, {"first": x[0], "double": 2 * value}

    optimizer = LBFGS(lower=-2, upper=2)
    state = optimizer.init([-1.2, 1.0], aux=("first", "double"))
    states = run(optimizer, value_and_gradient, state, 20)
    assert int(states[-1].evaluations) > 21  # Some trials were rejected.
    for state in states[1:]:
        assert float(state.aux["first"]) == float(state.x[0])
        assert float(state.aux["double"]) == 2 * float(state.value)


def test_the_first_step_evaluates_the_start_clipped_to_the_box():
    optimizer = LBFGS()
    state = optimizer.init([-3.0, 0.5])
    state = optimizer.step(with_gradient(rosenbrock), state)
    assert int(state.evaluations) == 1
    np.testing.assert_array_equal(state.x, [0, 0.5])
    assert float(state.value) == float(rosenbrock(state.x)) == 26.0


def test_the_first_trial_changes_an_entry_by_as_much_as_asked():
    trials = []

    def value_and_gradient(x):
        trials.append(x.numpy())
        return with_gradient(lambda x: tf.reduce_sum([1.0, -5.0, 0.0] * x))(x)

    optimizer = LBFGS(first_change=0.03)
    state = optimizer.init([0.5, 0.5, 0.5])
    for _ in range(2):
        state = optimizer.step(value_and_gradient, state)
    np.testing.assert_allclose(trials[1], [0.494, 0.53, 0.5], atol=1e-6)


def test_backs_away_from_points_that_are_not_finite():
    # The logarithm of a negative number is NaN; the first trial is at -0.5.
    function = with_gradient(
        lambda x: tf.reduce_sum(10 * x - tf.math.log(x)),
    )
    optimizer = LBFGS(lower=-INFINITY, upper=INFINITY, first_change=1.0)
    states = run(optimizer, function, optimizer.init([0.5, 0.4]))
    assert all(np.isfinite(state.value) for state in states[1:])
    assert int(states[2].evaluations) > 2
    np.testing.assert_allclose(states[-1].x, [0.1, 0.1], rtol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_start_that_is_not_finite_is_reported_as_such(value):
    optimizer = LBFGS()
    state = optimizer.init(tf.zeros(2), aux=("style",))
    state = optimizer.step(
        lambda x: (value + 0 * x[0], x, {"style": value + 0 * x[0]}), state
    )
    assert bool(state.converged)
    assert int(state.evaluations) == 1
    np.testing.assert_equal(float(state.value), value)
    np.testing.assert_equal(float(state.aux["style"]), value)


def test_the_evaluation_is_traced_once_and_is_in_the_graph_once():
    traces = []

    def value_and_gradient(x):
        traces.append(x)
        return tf.reduce_sum(tf.math.erf(x)), tf.ones_like(x)

    optimizer = LBFGS()
    step = tf.function(lambda state: optimizer.step(value_and_gradient, state))
    state = optimizer.init(tf.fill([3], 0.5))
    for _ in range(5):
        state = step(state)
    assert len(traces) == 1

    graph = step.get_concrete_function(state).graph.as_graph_def()
    nodes = [*graph.node]
    for function in graph.library.function:
        nodes.extend(function.node_def)
    assert sum(node.op == "Erf" for node in nodes) == 1


def test_stops_where_the_gradient_is_zero():
    optimizer = LBFGS()
    state = optimizer.init([0.5, 0.25])
    function = with_gradient(lambda x: tf.reduce_sum((x - [0.5, 0.25]) ** 2))
    for _ in range(3):
        state = optimizer.step(function, state)
        assert bool(state.converged)
        assert int(state.evaluations) == 1
    np.testing.assert_array_equal(state.x, [0.5, 0.25])


def test_stops_in_the_corner_that_a_slope_points_to():
    optimizer = LBFGS()
    state = optimizer.init(tf.fill([4], 0.5))
    function = with_gradient(
        lambda x: tf.reduce_sum([1.0, -1.0, 2.0, -9.0] * x)
    )
    state = run(optimizer, function, state)[-1]
    assert bool(state.converged)
    assert int(state.evaluations) <= 6
    np.testing.assert_array_equal(state.x, [0, 1, 0, 1])


def test_a_failed_search_forgets_the_history_and_a_second_one_ends_the_run():
    def false_within_one(x):
        value, gradient = with_gradient(quadratic(6, 1e2))(x)
        return value, tf.where(value < 0.05, -gradient, gradient)

    optimizer = LBFGS(lower=-9, upper=9)
    states = run(optimizer, false_within_one, optimizer.init(tf.fill([6], 5.0)))
    assert [int(state.pairs) for state in states[-3:]][1:] == [0, 0]
    assert int(states[-3].pairs) > 0
    assert [bool(state.converged) for state in states[-2:]] == [False, True]
    np.testing.assert_array_equal(states[-1].x, states[-3].x)
    assert int(states[-1].evaluations - states[-3].evaluations) <= 20


def test_the_result_is_the_best_point_without_an_evaluation():
    optimizer = LBFGS()
    evaluate = with_gradient(rosenbrock)
    state = optimizer.init(tf.constant([0.2, 0.8]))
    for _ in range(3):
        state = optimizer.step(evaluate, state)
    for point in (optimizer.result(None, state), optimizer.best(state)):
        np.testing.assert_array_equal(point, state.x)
    assert optimizer.finite(state) and not optimizer.converged(state)
    stuck = state._replace(converged=tf.constant(True))
    assert optimizer.converged(stuck)
    steep = state._replace(gradient=state.gradient * INFINITY)
    assert not optimizer.finite(steep)
