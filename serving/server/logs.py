"""Logging of the server: a JSON object per line, on stdout.

Messages of TensorFlow's C++ code go to stderr.
"""

import datetime
import json
import logging
import sys

from aiohttp import http_exceptions, web

_BAD = (web.RequestPayloadError, http_exceptions.BadHttpMessage)


class JsonFormatter(logging.Formatter):
    """Formats records as JSON: time, level, event, and `extra["fields"]`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns a record as one line."""
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


class Handler(logging.StreamHandler):
    """Prints records; on a full disk, or without a reader, they are lost."""

    def handleError(  # noqa: N802 (the name that logging calls)
        self, record: logging.LogRecord
    ) -> None:
        """Reports failures to stderr, but not those of the stream."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _is_news(record: logging.LogRecord) -> bool:
    """Leaves out requests that cannot be read: they are answered then."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, _BAD)


def start(level: str) -> None:
    """Starts printing the log of this package, from `level` on."""
    handler = Handler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("serving")
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    logging.getLogger("aiohttp.server").addFilter(_is_news)
    # TensorFlow warns at each version that its TF1 loader is deprecated.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
