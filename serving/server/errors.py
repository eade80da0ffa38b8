"""Error statuses of the server, the same as TensorFlow Serving's."""

# gRPC status -> HTTP status. 413 has no counterpart: the body was not read.
HTTP = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
_LONGEST = 1024  # Bytes; gRPC sends some as three, and takes 8 KB at most.
_CUT = "...TRUNCATED"


class StatusError(Exception):
    """Raised when a request is refused.

    Attributes:
        code: Name of a gRPC status, such as `"INVALID_ARGUMENT"`.
    """

    def __init__(self, code: str, text: str):
        data = text.encode(errors="replace")
        if len(data) > _LONGEST:
            start = data[: _LONGEST - len(_CUT)].decode(errors="ignore")
            text = start + _CUT
        super().__init__(text)
        self.code = code
