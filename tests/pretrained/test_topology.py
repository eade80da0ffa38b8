import pytest

import helpers
from tfstyle.pretrained import topology


@pytest.mark.parametrize("name", ["vgg16", "vgg19"])
def test_shapes_are_those_of_the_network(name):
    actual = {layer: s[2:] for layer, s in topology.shapes(name).items()}
    assert list(actual.items()) == list(helpers.vgg_layers(name).items())


def test_the_thin_network_has_the_layers_of_vgg16_and_heads():
    thin = topology.shapes("vgg_distilled")
    convolutions = [name for name in thin if not name.endswith("_head")]
    assert convolutions == list(topology.shapes("vgg16"))
    for name in convolutions:
        width = thin[name][-1]
        assert thin[topology.head(name)] == (1, 1, width, width)
    assert topology.layer_names("vgg_distilled") == topology.layer_names(
        "vgg16"
    )


def test_layer_names_are_convolutions_and_a_pooling_for_each_block():
    names = topology.layer_names("vgg19")
    convolutions = [name for name in names if "conv" in name]
    assert convolutions == list(topology.shapes("vgg19"))
    assert [name for name in names if name not in convolutions] == [
        f"block{block}_pool" for block in range(1, 6)
    ]


def test_cut_ends_at_the_deepest_layer():
    wanted = ["block2_conv1", "block1_conv2"]
    assert topology.cut("vgg16", wanted) == [
        "block1_conv1",
        "block1_conv2",
        "block1_pool",
        "block2_conv1",
    ]


def test_cut_lists_the_layers_when_one_is_unknown():
    match = r"vgg16 has no layers \['block3_conv4'\].*block3_conv3"
    with pytest.raises(ValueError, match=match):
        topology.cut("vgg16", ["block1_conv1", "block3_conv4"])
    with pytest.raises(ValueError, match="Choose from"):
        topology.cut("vgg16", [])
    with pytest.raises(ValueError, match="no network 'alexnet'"):
        topology.cut("alexnet", ["conv1"])


@pytest.mark.parametrize("name", sorted(topology.PARAMETERS))
def test_check_names_the_outputs_of_the_blocks(name):
    names = topology.layer_names(name)
    assert len(names) == len(set(names))
    assert topology.check(name, names[:2]) == names[:2]
    with pytest.raises(ValueError, match=f"{name} has no layers") as caught:
        topology.check(name, ["block4_conv2"])
    assert len(str(caught.value)) < 500
    deepest = {"inception_v3": "mixed10", "resnet50": "conv5_block3_out"}
    assert deepest[name] in str(caught.value)
