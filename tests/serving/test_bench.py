import json
import os
import pathlib
import subprocess
import sys

import pytest

import programs

ROOT = pathlib.Path(__file__).parents[2]


def bench(**flags):
    return subprocess.run(
        [sys.executable, "-m", "serving.bench"]
        + [f"--{name}={value}" for name, value in flags.items()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=programs.PATIENCE,
    )


@pytest.fixture(scope="module")
def large_server(tiny_model):
    from serving_server import Running

    running = Running(tiny_model)
    yield running
    running.close()


def test_all_measurements(large_server, tiny_model, tmp_path):
    process = bench(
        server=large_server.grpc,
        sizes="64",
        clients="1,2",
        rates="0.5",
        seconds=0.1,
        model_base_path=tiny_model,
        memory_requests=20,
        server_pid=os.getpid(),
        output=tmp_path / "bench.jsonl",
    )
    assert process.returncode == 0, process.stderr
    text = (tmp_path / "bench.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    loads = [line["load"] for line in lines if "load" in line]
    assert loads == ["1 clients", "2 clients", "rate 0.5"] * 2
    assert all(line["p99"] >= line["p50"] > 0 for line in lines[:3])
    overheads = [line for line in lines if "bare" in line]
    assert [line["what"] for line in overheads] == ["time", "processor"] * 2
    assert all(line["server"] > 0 < line["bare"] for line in overheads)
    memory = [line["mib"] for line in lines if "mib" in line]
    assert len(memory) == 11 and min(memory) > 50
    assert process.stdout.count("\n") == len(lines)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"kinds": "pixels"}, "--kinds: ['pixels'] is none of"),
        ({"sizes": "256,big"}, "--sizes must be positive numbers"),
        ({"clients": "1,0"}, "--clients must be positive numbers"),
        ({"timeout": "1e12"}, "--timeout=1000000000000.0: must be a number"),
        ({"rates": "inf"}, "--rates must be positive numbers"),
        ({"kinds": ""}, "--kinds, --sizes and --clients must not be empty."),
        ({"sizes": ""}, "--kinds, --sizes and --clients must not be empty."),
        ({"clients": ""}, "--kinds, --sizes and --clients must not be empty."),
        ({"bucket": 513}, "--bucket=513: "),
        ({"memory_requests": 5}, "--memory_requests needs --server_pid"),
    ],
)
def test_wrong_flags(flags, text):
    process = bench(**flags)
    assert process.returncode == 2
    assert text in process.stderr and process.stderr.count("\n") == 1


def test_a_process_that_is_not_there():
    process = bench(server_pid=2**22 + 1)
    assert process.returncode == 1
    assert process.stderr.startswith("error: --server_pid: there is no")
    assert process.stderr.count("\n") == 1


def test_a_folder_without_versions_is_found_before_the_server(tmp_path):
    process = bench(server="localhost:1", model_base_path=tmp_path)
    assert process.returncode == 1
    assert process.stderr == f"error: There is no version in '{tmp_path}'.\n"


def test_no_server():
    process = bench(server="localhost:1", timeout=2)
    assert process.returncode == 1
    assert process.stderr.startswith("error: localhost:1 answered UNAVAILABLE")
