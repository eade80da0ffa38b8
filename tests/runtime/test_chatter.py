import io

import pytest

from tfstyle.runtime import chatter


@pytest.mark.parametrize(
    "line",
    [
        "WARNING: All log messages before absl::InitializeLog() is called are "
        "written to STDERR",
        "I0000 00:00:1795226702.374666    5107 port.cc:153] oneDNN custom "
        "operations are on.",
        "2024-01-02 03:04:05.678901: I tensorflow/port.cc:153] oneDNN "
        "custom operations are on.",
        "To enable the following instructions: AVX2 FMA, in other operations, "
        "rebuild TensorFlow with the appropriate compiler flags.",
        "E0000 00:00:1795226703.712728    5107 cuda_platform.cc:52] failed "
        "call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN "
        "ERROR (303)",
        "W0000 00:00:1795906879.121021   24869 tf_tfl_flatbuffer_helpers.cc:"
        "364] Ignored output_format.",
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    ],
)
def test_chatter_is_known(line):
    assert chatter.is_chatter(line.encode())


@pytest.mark.parametrize(
    "line",
    [
        "W0000 00:00:1795226703.7 5107 gpu_device.cc:2342] Cannot dlopen some "
        "GPU libraries.",
        "E0000 00:00:1795226703.7 5107 cuda_platform.cc:52] failed call to "
        "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported "
        "display driver / cuda driver combination",
        "Illegal instruction",
        "UserWarning: something is deprecated",
    ],
)
def test_warnings_and_errors_are_no_chatter(line):
    assert not chatter.is_chatter(line.encode())


def test_other_lines_pass_as_they_are():
    lines = [
        b"I0000 00:00:1.1 1 port.cc:153] on\n",
        b"caf\xe9\n",
        b"\n",
        b"end",
    ]
    target = io.BytesIO()
    chatter._pass_on(io.BytesIO(b"".join(lines)), target)
    assert target.getvalue() == b"caf\xe9\n\nend"
