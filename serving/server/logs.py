"""The log of the server: a JSON object per line, on stdout.

What TensorFlow's C++ code has to say goes to stderr.
"""

import datetime
import json
import logging
import sys


class JsonFormatter(logging.Formatter):
    """Time, level, event, and the dictionary that `extra` has as `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start(level: str) -> None:
    """Prints what the modules here log, from `level` on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("serving")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    # It calls the loader of TensorFlow 1 deprecated, at each version.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
