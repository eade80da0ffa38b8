import signal

import pytest

import programs
from tfstyle.cli import program


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_first_signal_ends_the_run_well(start, number, status):
    process = start("--name=run")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=programs.PATIENCE)
    assert stdout == "the picture is written\nclean\n"
    assert (
        stderr == "\nStopping; what is done is written. Ctrl-C again aborts.\n"
    )
    assert process.returncode == status


# A run that asks nobody whether it should end.
DEAF = """
try:
    print("ready", flush=True)
    [time.sleep(0.01) for _ in range(60_000)]
finally:
    print("clean", flush=True)
"""


def test_second_signal_aborts(start):
    code = "with cli.Interrupt():" + DEAF.replace("\n", "\n    ")
    process = start("--name=dog", f"--code={code}")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n"
    assert process.stderr.readline().startswith("Stopping")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=programs.PATIENCE)
    assert (stdout, stderr) == ("clean\n", "interrupted\n")
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_signal_outside_of_a_run_ends_at_once(start, number, status, line):
    process = start("--name=dog", f"--code={DEAF}")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=programs.PATIENCE)
    assert (stdout, stderr) == ("clean\n", line)
    assert process.returncode == status


# As the callback of JAX, which is called in the middle of anything. Signals
# come out of themselves, so that none is early or late.
COLLECTING = """
import gc
def callback(phase, info):
    if phase == "start":
        for number in {numbers}:
            os.kill(os.getpid(), number)
gc.callbacks.append(callback)
gc.collect()
gc.callbacks.clear()
[time.sleep(0.01) for _ in range(60_000)]
"""


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_signal_during_garbage_collection_is_not_lost(
    call, number, status, line
):
    code = COLLECTING.format(numbers=[int(number)])
    process = call("--name=dog", f"--code={code}")
    assert (process.returncode, process.stderr) == (status, line)


def test_second_signal_during_garbage_collection_is_not_lost(call):
    code = COLLECTING.format(numbers=2 * [int(signal.SIGINT)])
    code = "with cli.Interrupt():" + code.replace("\n", "\n    ")
    process = call("--name=dog", f"--code={code}")
    assert process.returncode == 130
    first, second, last = process.stderr.splitlines()
    assert (first, last) == ("", "interrupted")
    assert second.startswith("Stopping")


IGNORING = """
import signal
with cli.Interrupt() as interrupt:
    os.kill(os.getpid(), signal.SIGINT)
    print(interrupt())
os.kill(os.getpid(), signal.SIGINT)
print("not interrupted")
"""


def test_ctrl_c_that_is_ignored_from_the_start_stays_so(call):
    with programs.ctrl_c_ignored():
        process = call("--name=dog", f"--code={IGNORING}")
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == "False\nnot interrupted\n"


def test_interrupt_puts_the_handlers_back():
    before = signal.getsignal(signal.SIGINT)
    with program.Interrupt() as interrupt:
        assert signal.getsignal(signal.SIGINT) != before
        assert interrupt() is False
    assert signal.getsignal(signal.SIGINT) == before
    assert interrupt.status == 0
