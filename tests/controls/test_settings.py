import pytest

from tfstyle.controls.settings import Controls


def test_shares_are_those_of_the_styles_for_a_layer():
    controls = Controls(
        style_mix=(1, 1, 2), style_detail=("coarse", "fine", "all")
    )
    assert controls.shares(3, fine=True) == pytest.approx([0, 1 / 3, 2 / 3])
    assert controls.shares(3, fine=False) == pytest.approx([1 / 3, 0, 2 / 3])
    assert Controls().shares(2, fine=True) == [0.5, 0.5]


def test_style_detail_is_a_tuple():
    with pytest.raises(ValueError, match="must be a tuple.*'fine'"):
        Controls(style_detail="fine")


@pytest.mark.parametrize(
    ("changes", "apart", "message"),
    [
        ({"style_detail": ("all",) * 3}, False, "for each of the 2"),
        ({"style_detail": ("fine",)}, False, "for the coarse layers"),
        ({"style_detail": ("coarse",)}, False, "for the fine layers"),
        (
            {"style_detail": ("all", "fine"), "style_mix": (0, 1)},
            False,
            "for the coarse layers",
        ),
        ({"style_detail": ("fine", "coarse")}, True, "region of its own"),
        ({"style_detail": ("all", "all")}, True, "region of its own"),
        ({"style_mix": (1, 2)}, True, "region of its own"),
    ],
)
def test_controls_that_do_not_fit_the_styles(changes, apart, message):
    controls = Controls(**changes)
    with pytest.raises(ValueError, match=message):
        controls.check_styles(2, apart)
