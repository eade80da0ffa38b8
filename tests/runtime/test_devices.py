import gc
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

import helpers
from tfstyle.runtime import chatter, devices, processor

ROOT = pathlib.Path(__file__).parents[2]

FIRST_STEPS = """
import keras
import tensorflow as tf

@tf.function
def step(x, kernel):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
    return tape.gradient(tf.cast(y, "float32"), x)

for dtype in ("float32", "bfloat16"):
    step(tf.ones((1, 32, 32, 8), dtype), tf.ones((3, 3, 8, 8), dtype))
print(keras.backend.backend())
"""


def python(code, **environment):
    """Runs `code` after the import of devices, with a bare environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TF_", "KERAS_", "CUDA_"))
    }
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import os\n"
            f"from tfstyle.runtime import devices, processor\n{code}",
        ],
        cwd=ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
    )


def last_line(process):
    return process.stderr.splitlines()[-1]


def test_start_and_first_steps_write_nothing():
    process = python(f"devices.start()\n{FIRST_STEPS}")
    assert (process.returncode, process.stderr) == (0, "")
    # Set by start(), because a keras.json of the user's may name another.
    assert process.stdout == "tensorflow\n"


def test_real_messages_pass_also_when_the_import_fails():
    # As C++ and Python write them while TensorFlow is imported.
    code = """
import sys
class Finder:
    def find_spec(self, name, *unused):
        if name == "tensorflow":
            os.write(2, b"E0000 00:00:1.1 1 gpu.cc:1] The driver is old.\\n")
            os.write(2, b"I0000 00:00:1.1 1 port.cc:153] oneDNN is on.\\n")
            print("a warning of Python", file=sys.stderr)
            raise ImportError("libfoo is missing")
sys.meta_path.insert(0, Finder())
devices.start()
"""
    first, second, third, *_, last = python(code).stderr.splitlines()
    assert first == "E0000 00:00:1.1 1 gpu.cc:1] The driver is old."
    assert second == "a warning of Python"
    assert third.startswith("Traceback")
    assert last == "ImportError: libfoo is missing"


def test_last_words_pass_when_the_process_aborts():
    code = """
import sys
class Finder:
    def find_spec(self, name, *unused):
        if name == "tensorflow":
            os.write(2, b"This processor has no AVX.\\n")
            os.abort()
sys.meta_path.insert(0, Finder())
devices.start()
"""
    process = python(code)
    assert process.returncode == -signal.SIGABRT
    assert process.stderr == "This processor has no AVX.\n"


def test_everything_passes_when_it_is_asked_for():
    process = python("devices.start()", TF_CPP_MIN_LOG_LEVEL="0")
    assert process.stderr
    assert any(map(chatter.is_chatter, process.stderr.encode().splitlines()))


def test_other_backend_is_refused_in_one_line_before_the_import():
    process = python(
        "import sys\ntry:\n    devices.start()\n"
        "finally:\n    print('tensorflow' in sys.modules)",
        KERAS_BACKEND="jax",
    )
    assert process.stdout == "False\n"
    assert re.fullmatch(
        "ValueError: .*Keras on TensorFlow.*KERAS_BACKEND=jax; unset it.",
        last_line(process),
    )


@pytest.mark.parametrize(
    "device", ["", "cuda", "gpu:", "gpu:x", "GPU", "cpu:0"]
)
def test_unknown_device_is_refused(device):
    with pytest.raises(
        ValueError, match=f"gpus, workers or tpu.*device='{device}'"
    ):
        devices.start(device)


@pytest.mark.parametrize("device", ["gpu:7", "tpu"])
def test_device_that_is_not_there_lists_what_is(device):
    with pytest.raises(ValueError, match=f"no device '{device}'.*Found: cpu"):
        devices.start(device)


def test_products_of_float32_are_exact():
    devices.start("cpu")
    options = tf.config.experimental
    assert not options.tensor_float_32_execution_enabled()


def test_start_may_be_repeated():
    strategy = devices.start("cpu")
    assert strategy.num_replicas_in_sync == 1
    devices.start("cpu")


@pytest.mark.parametrize("enabled", [True, False])
def test_start_leaves_garbage_collection_as_it_was(enabled):
    if not enabled:
        gc.disable()
    try:
        devices.start("cpu")
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu sse avx512f avx512_bf16", "bfloat16"),
        ("fpu amx_bf16 amx_tile", "bfloat16"),
        ("fpu avx2 avx512f", "float32"),
        ("", "float32"),
    ],
)
def test_precision_follows_the_processor(flags, expected, monkeypatch):
    devices.start("cpu")
    for name in ("TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(processor, "_all_flags", lambda: set(flags.split()))
    assert devices.precision() == expected


@pytest.mark.parametrize(
    ("kind", "capability", "short", "expected"),
    [
        pytest.param("CPU", (0, 0), True, "bfloat16"),
        pytest.param("CPU", (0, 0), False, "float32"),
        pytest.param("TPU", (0, 0), False, "bfloat16"),
        # What its processor can does not count.
        pytest.param("GPU", (6, 1), True, "float32", id="P40"),
        pytest.param("GPU", (7, 0), False, "float16", id="V100"),
        pytest.param("GPU", (7, 5), True, "float16", id="T4"),
        pytest.param("GPU", (8, 0), False, "bfloat16", id="A100"),
        pytest.param("GPU", (12, 0), False, "bfloat16", id="RTX 5090"),
        pytest.param("GPU", (0, 0), False, "float32", id="unknown"),
    ],
)
def test_the_quickest_type_of_a_device(kind, capability, short, expected):
    assert devices.quickest(kind, capability, short) == expected


@pytest.mark.parametrize(
    ("quickest", "policy", "precision"),
    [
        ("float32", "float32", "float32"),
        ("bfloat16", "mixed_bfloat16", "bfloat16"),
        # Maps of networks are too large for it, losses too small.
        ("float16", "mixed_float16", "float32"),
    ],
)
def test_types_of_a_training(quickest, policy, precision, monkeypatch):
    monkeypatch.setattr(devices, "quickest", lambda *device: quickest)
    assert devices.policy() == policy
    assert devices.precision() == precision


_JAX = """
import sys
sys.modules["tensorflow"] = None
from tfstyle.runtime import devices
print(devices.policy(), devices.precision(), devices.policy("mixed_float16"))
"""


def test_types_are_known_on_jax_without_tensorflow():
    environment = {**os.environ, **helpers.ON_JAX}
    code = [sys.executable, "-c", _JAX]
    found = subprocess.check_output(code, env=environment, cwd=ROOT, text=True)
    quick = devices.quickest("CPU", (0, 0), processor.has_bfloat16())
    expected = {
        "float32": "float32 float32 mixed_float16\n",
        "bfloat16": "mixed_bfloat16 bfloat16 mixed_float16\n",
    }
    assert found == expected[quick]


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_precision_that_is_named_is_taken(name):
    assert devices.precision(name) == name


@pytest.mark.parametrize(
    ("choice", "expected"), [("on", True), ("off", False), ("auto", False)]
)
def test_compilation_is_off_on_a_processor_unless_asked(choice, expected):
    devices.start("cpu")
    assert devices.jit_compile(choice) is expected


@pytest.mark.parametrize("device", ["gpus", "workers"])
def test_programs_of_one_picture_take_one_device(device):
    devices.check(device)
    with pytest.raises(ValueError, match=f"gpu:N or tpu.*device='{device}'"):
        devices.check(device, several=False)


def test_a_function_for_each_size_is_no_news():
    process = python(
        "devices.start()\n"
        "import tensorflow as tf\n"
        "for size in range(8):\n"
        "    tf.function(lambda x: x + 1)(tf.zeros(size))\n"
        "tf.get_logger().warning('Look here')"
    )
    assert "retracing" not in process.stderr
    assert "Look here" in process.stderr
