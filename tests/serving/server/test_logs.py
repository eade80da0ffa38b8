import json
import logging
import os
import pathlib
import subprocess
import sys

import programs
from serving.server import logs


def test_a_line_is_an_object():
    record = logging.makeLogRecord(
        {"msg": "hello %s", "args": ("you",), "levelname": "INFO"}
    )
    record.fields = {"model": "style"}
    line = json.loads(logs.JsonFormatter().format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "INFO", "event": "hello you", "model": "style"}


def test_a_traceback_stays_in_its_line():
    try:
        raise KeyError("x")
    except KeyError:
        record = logging.makeLogRecord({"msg": "m", "exc_info": sys.exc_info()})
    text = logs.JsonFormatter().format(record)
    assert "\n" not in text
    assert "KeyError: 'x'" in json.loads(text)["traceback"]


PROGRAM = """
import logging
from serving import cli
from serving.server import logs
def main():
    logs.start("INFO")
    logging.getLogger("serving").info("hello")
cli.run(main)
"""


def test_a_reader_that_is_gone_is_no_error():
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as gone:
        process = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=pathlib.Path(__file__).parents[3],
            stdout=gone,
            stderr=subprocess.PIPE,
            timeout=programs.PATIENCE,
        )
    assert process.stderr == b""


def test_a_message_that_is_wrong_is_reported(capsys):
    handler = logs.Handler(sys.stdout)
    handler.handle(logging.makeLogRecord({"msg": "%s %s", "args": (1,)}))
    assert "not enough arguments" in capsys.readouterr().err
