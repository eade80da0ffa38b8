"""What a run tells of itself while it goes on."""

import numpy as np

from tfstyle.runtime.progress import Progress
from tfstyle.web.live import Live


def reported(live, step, steps, loss):
    progress = Progress(
        size=16,
        height=16,
        width=16,
        step=step,
        steps=steps,
        done=step,
        total=steps,
        losses={"total": loss},
        seconds=step,
        memory=0,
    )
    live(progress, lambda: np.zeros((16, 16, 3), np.float32))


def test_losses_of_long_runs_reach_from_the_first_to_the_last():
    live = Live(lambda message: None)
    live.stop()  # No frames.
    for step in range(1, 2002):
        reported(live, step, 2001, 1 / step)
        assert live.losses[-1] == [step / 2001, 1 / step]
    assert live.losses[0] == [1 / 2001, 1]
    shares = [share for share, _ in live.losses]
    assert shares == sorted(shares) and 200 <= len(shares) <= 400
