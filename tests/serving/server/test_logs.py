import json
import logging
import sys

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
