import pytest

from tfstyle.images import windows


@pytest.mark.parametrize("length", [16, 96, 97, 100, 160, 161, 500, 1000])
@pytest.mark.parametrize(("window", "halo"), [(96, 16), (64, 31), (33, 0)])
def test_tiles_miss_no_pixel_and_see_beyond_their_core(length, window, halo):
    window = min(window, length)
    spans = windows.spans(length, window, halo)
    covered = [i for span in spans for i in range(span.first, span.last)]
    assert covered == list(range(length))
    for span in spans:
        assert 0 <= span.start <= span.first < span.last
        assert span.last <= span.start + window <= length
        assert span.first - span.start >= halo or span.first == 0
        assert span.stop == span.start + window
        assert span.stop - span.last >= halo or span.last == length


@pytest.mark.parametrize("length", [64, 100, 167, 500])
def test_tiles_begin_on_a_grid(length):
    spans = windows.spans(length, 48, 16, 8)
    for span, following in zip(spans, spans[1:], strict=False):
        assert span.stop - span.start == 48
        assert not following.start % 8 and not following.first % 8
        assert span.last == following.first
        assert min(span.stop - span.last, span.last - following.start) >= 16
    assert spans[-1].last == spans[-1].stop == length
    assert spans[-1].stop - spans[-1].start < 48 + 8


def test_no_more_tiles_than_needed():
    assert len(windows.spans(96, 96, 16)) == 1
    assert len(windows.spans(160, 96, 16)) == 2
    assert len(windows.spans(161, 96, 16)) == 3


def test_window_without_core_is_refused():
    with pytest.raises(ValueError, match="two halos of 48. Received: window"):
        windows.spans(97, 96, 48)
