"""Options and fixtures of all tests."""

import importlib.util
import os
import pathlib
import signal

import numpy as np
import pytest

import helpers

# Before any test imports TensorFlow or starts a program: no network, and the
# processor even where there is a GPU, so that the goldens hold.
os.environ["TFSTYLE_OFFLINE"] = "1"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# Before any test imports Ray: it stays on 127.0.0.1 and tells nobody.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# A shell gives its background jobs an ignored SIGINT, and they their children.
# A handler is not inherited: what the tests start can be interrupted.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, lambda number, frame: None)

# Importing it, to look for doctests, would take the calls from this process.
collect_ignore = ["support/other_system/sitecustomize.py"]

GOLDEN = pathlib.Path(__file__).parent / "golden"
# Real weights for development, beside the checkout; never part of it.
SHARED_WEIGHTS = pathlib.Path(__file__).parents[2] / "shared" / "weights"


# First, so that in the end no worker waits for one that took such a file last.
LONG = [
    # In a process that nothing has used: Ray failed to start from an old one.
    "worklists/test_ray_engine.py",
    "adain/test_specialization.py",
    "training/test_adain.py",
    "training/test_distillation.py",
    "notebooks/test_notebooks.py",
    "programs/test_fleet.py",
    "programs/test_export.py",
    "programs/test_transfer.py",
    "programs/test_video.py",
    "motion/test_frames.py",
    "training/test_distributed.py",
    "optimization/test_gatys.py",
    "programs/test_optimize.py",
    "programs/test_optimize_refusals.py",
    "programs/test_train.py",
    "programs/test_distill.py",
    "dreams/test_deepdream.py",
    "programs/test_dream.py",
    "conformance/test_other_systems.py",
    "features/test_applications.py",
    "programs/test_bench.py",
]


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(
        key=lambda item: places.get("/".join(item.path.parts[-2:]), len(LONG))
    )


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden/*.npy from what the code gives now",
    )


@pytest.fixture
def golden(request):
    """Reads `tests/golden/<name>.npy`; `--update-golden` writes it first."""

    def read(name, actual):
        path = GOLDEN / f"{name}.npy"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.asarray(actual))
        if not path.exists():
            pytest.fail(f"No {path}: make it by `pytest --update-golden`.")
        return np.load(path)

    return read


@pytest.fixture(scope="session")
def random_vgg16(tmp_path_factory):
    """Path of random VGG16 weights of all blocks."""
    return helpers.vgg_weights(tmp_path_factory.mktemp("weights") / "vgg16.h5")


@pytest.fixture(scope="session")
def small_vgg16(tmp_path_factory):
    """Path of random VGG16 weights of blocks 1 and 2 only."""
    path = tmp_path_factory.mktemp("weights") / "vgg16_blocks12.h5"
    return helpers.vgg_weights(path, blocks=2)


@pytest.fixture(scope="session")
def style_model():
    """A model of any style with random weights; do not change it."""
    return helpers.style_model()


@pytest.fixture(scope="session")
def served(style_model, tmp_path_factory):
    """Folder of a version of `style_model` for a server, with low limits."""
    from tfstyle.export import saved_model
    from tfstyle.export.config import ExportConfig

    config = ExportConfig(
        image_format="png", max_pixels=10_000, warmup_sizes=(32,)
    )
    folder = tmp_path_factory.mktemp("models") / "style"
    path, _ = saved_model.export(style_model, folder, config)
    return path


@pytest.fixture(scope="session")
def real_vgg19(tmp_path_factory):
    """Path of real VGG19 weights, all convolutions; use with `weights`."""
    return _real_weights(tmp_path_factory, "vgg19_compact.npz")


@pytest.fixture(scope="session")
def real_vgg16(tmp_path_factory):
    """Path of real VGG16 weights of blocks 1 to 3; use with `weights`."""
    return _real_weights(tmp_path_factory, "vgg16_blocks123.npz")


def _real_weights(tmp_path_factory, name):
    stored = SHARED_WEIGHTS / name
    if not stored.exists():
        pytest.skip(f"needs real VGG weights: there is no {stored}")
    spec = importlib.util.spec_from_file_location(
        "make_keras_h5", SHARED_WEIGHTS / "make_keras_h5.py"
    )
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    path = tmp_path_factory.mktemp("weights") / f"{stored.stem}.h5"
    maker.write_h5(path, maker.read_compact(stored))
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a model for the serving tests, with version 1."""
    import serving_model

    folder = tmp_path_factory.mktemp("models") / "style"
    serving_model.export(folder)
    return folder


@pytest.fixture(scope="session")
def server(tiny_model):
    """A server of `tiny_model`; small limits, so that tests can pass them."""
    from serving_server import Running

    running = Running(tiny_model, max_bytes=2**20)
    yield running
    running.close()
