import numpy as np
from keras import ops

from losses_cases import PAINTED, PHOTO
from tfstyle import losses


def test_energy_is_the_mean_square_of_each_example():
    maps = np.array([[1, 2, 3, 4], [0, 0, 0, 2]], "float32")
    for shape in [(2, 4), (2, 2, 2), (2, 2, 1, 2)]:
        found = losses.energy(maps.reshape(shape))
        assert np.asarray(found).tolist() == [7.5, 1.0]
    half = ops.cast(ops.array([[300.0, 300.0]]), "float16")
    assert np.asarray(losses.energy(half)).tolist() == [90000.0]


def test_relative_losses_by_hand():
    loss, energy = (np.array(x, "float32") for x in ([6, 6, 6], [3, 1, 0]))
    found = losses.relative(loss, energy, least=2.0)
    assert np.asarray(found).tolist() == [2.0, 3.0, 3.0]
    found = losses.relative(loss, energy, damping=1.0)
    assert np.asarray(found).tolist() == [1.5, 3.0, 6.0]
    found = losses.relative(loss[:2], energy[:2])
    assert np.asarray(found).tolist() == [2.0, 6.0]


def test_a_relative_loss_does_not_depend_on_the_scale_of_its_maps():
    def relative(scale):
        loss = losses.content_loss(scale * PAINTED, scale * PHOTO)
        return losses.relative(loss, losses.energy(scale * PHOTO))

    np.testing.assert_allclose(relative(1.0), relative(100.0), rtol=1e-5)
