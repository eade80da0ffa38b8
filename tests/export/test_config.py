import pytest

from tfstyle.export.config import ExportConfig


def test_the_defaults_are_allowed():
    assert ExportConfig().warmup_sizes == (256, 512)
    assert ExportConfig(warmup_sizes=()).warmup_sizes == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_format": "gif"}, "`image_format` must be one of jpeg, png"),
        ({"quality": 0}, "`quality` must be from 1 to 100"),
        ({"quality": 101}, "Received: quality=101"),
        ({"max_pixels": 0}, "`max_pixels` must be 4096 or more"),
        ({"max_pixels": 10**20}, "`max_pixels` must be at most 92233720368547"),
        ({"warmup_sizes": (8,)}, r"16 or more.*\(8,\)"),
        ({"warmup_sizes": (101,), "max_pixels": 10_000}, r"at most .*10000"),
    ],
)
def test_errors_say_what_is_allowed(values, message):
    with pytest.raises(ValueError, match=message):
        ExportConfig(**values)
