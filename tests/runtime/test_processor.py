import json
import os
import subprocess
import sys

import pytest

from tfstyle.runtime import processor

SERVER = {"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}
DESKTOP = {"avx", "avx2", "fma"}


@pytest.fixture
def machine(monkeypatch):
    """Gives the processor other flags, in an environment that says nothing."""

    def become(flags, **environment):
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(processor, "_all_flags", lambda: frozenset(flags))

    return become


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/cpuinfo")
def test_flags_of_the_processor_are_words():
    assert all(flag.replace("_", "").isalnum() for flag in processor.flags())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (SERVER, True),
        ({"amx_bf16", "amx_tile"}, True),
        (DESKTOP | {"avx512f"}, False),
        (set(), False),
    ],
)
def test_bfloat16_follows_the_processor(flags, expected, machine):
    machine(flags)
    assert processor.has_bfloat16() == expected
    machine(flags, TF_ENABLE_ONEDNN_OPTS="0")
    assert not processor.has_bfloat16()


@pytest.mark.parametrize("isa", ["AVX2", "sse41"])
def test_what_onednn_may_not_use_is_not_there(isa, machine):
    machine(SERVER, ONEDNN_MAX_CPU_ISA=isa)
    assert processor.flags() == {"avx2"}
    assert not processor.has_bfloat16() and not processor.has_avx512()


@pytest.mark.parametrize(
    ("flags", "switch", "expected"),
    [
        (SERVER, {}, True),
        (DESKTOP, {}, False),
        (SERVER, {"TF_ENABLE_ONEDNN_OPTS": "0"}, False),
        (DESKTOP, {"TF_ENABLE_ONEDNN_OPTS": "1"}, True),
        (DESKTOP, {"TF_ENABLE_ONEDNN_OPTS": "True"}, True),
        (set(), {"TF_ENABLE_ONEDNN_OPTS": "1"}, False),
    ],
)
def test_onednn_is_where_tensorflow_has_it(flags, switch, expected, machine):
    machine(flags, **switch)
    assert processor.has_onednn() == expected


@pytest.mark.parametrize(
    ("flags", "given", "expected"),
    [
        (DESKTOP, None, "1"),
        (DESKTOP, "0", "0"),
        ({"sse4_2"}, None, None),
    ],
)
def test_onednn_is_switched_on_unless_the_user_said_no(
    flags, given, expected, machine, monkeypatch
):
    machine(flags, **({"TF_ENABLE_ONEDNN_OPTS": given} if given else {}))
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    processor.prefer_onednn()
    assert os.environ.get("TF_ENABLE_ONEDNN_OPTS") == expected


def test_a_tensorflow_that_is_there_already_is_left_as_it_is(
    machine, monkeypatch
):
    machine(DESKTOP)
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    processor.prefer_onednn()
    assert "TF_ENABLE_ONEDNN_OPTS" not in os.environ


def test_cores_without_affinity_are_those_of_the_machine(monkeypatch):
    assert 1 <= processor.cores() <= os.cpu_count()
    monkeypatch.setattr(processor, "_quotas", lambda: iter(()))
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert processor.cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert processor.cores() == 1


@pytest.mark.parametrize(
    ("listing", "files", "expected"),
    [
        ("0::/a/b\n", {"a/cpu.max": "250000 100000\n"}, [3]),
        ("0::/a\n", {"a/cpu.max": "max 100000", "cpu.max": "50 100"}, [1]),
        (
            "4:cpu,cpuacct:/docker/12\n3:cpuset:/\n0::/\n",
            {
                "cpu/cpu.cfs_quota_us": "200000\n",
                "cpu/cpu.cfs_period_us": "100000",
            },
            [2],
        ),
        (
            "4:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000"},
            [],
        ),
        ("4:memory:/\n", {"cpu.max": "100 100"}, []),
    ],
)
def test_control_groups_have_the_time_of_some(
    listing, files, expected, tmp_path, monkeypatch
):
    (tmp_path / "listing").write_text(listing)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    quotas = list(processor._quotas(f"{tmp_path}/listing", str(tmp_path)))
    assert quotas == expected
    monkeypatch.setattr(processor, "_quotas", lambda: iter(quotas))
    assert processor.cores() <= min([os.cpu_count(), *quotas])


def test_importing_the_package_comes_before_tensorflow():
    code = (
        "import tfstyle, os, sys, json;"
        "from tfstyle.runtime import processor as p;"
        "print(json.dumps([os.environ.get('TF_ENABLE_ONEDNN_OPTS'),"
        " 'avx2' in p.flags(), 'tensorflow' in sys.modules]))"
    )
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "TF_ENABLE_ONEDNN_OPTS"
    }
    printed = subprocess.check_output(
        [sys.executable, "-c", code], env=environment
    )
    switch, capable, loaded = json.loads(printed)
    assert switch == ("1" if capable else None) and not loaded
