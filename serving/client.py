r"""Stylizes photographs by a model server, through gRPC.

  python -m serving.client --server=localhost:8500 --content=dog.jpg \
      --style=wave.jpg --output=dog_wave.png

A folder of photographs, two at a time; the style is sent once:

  python -m serving.client --content=holiday --style=wave.jpg \
      --output=painted --size=512 --parallel=2

Works with TensorFlow Serving and with serving.dev_server. Files are sent as
JPEG or PNG, upright. If a server is not available, requests are repeated with
growing pauses; after other errors they are not.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import app, flags

from serving import cli

if TYPE_CHECKING:
    import grpc

cli.define_client_flags("localhost:8500")
_TLS_CA = flags.DEFINE_string(
    "tls_ca",
    None,
    "File of the certificate (PEM) to check the server by; starts TLS.",
)
_TLS_CERT = flags.DEFINE_string(
    "tls_cert",
    None,
    "File of the client's own certificate (PEM), if the server asks for one.",
)
_TLS_KEY = flags.DEFINE_string(
    "tls_key", None, "File of the key (PEM) of --tls_cert."
)


def main() -> int:
    """Connects to the server and stylizes the photographs."""
    if (_TLS_CERT.value is None) != (_TLS_KEY.value is None):
        raise app.UsageError("--tls_cert and --tls_key go together.")
    if _TLS_CERT.value and not _TLS_CA.value:
        raise app.UsageError("--tls_cert needs --tls_ca, which starts TLS.")
    # gRPC takes a while to load; --help and bad flags answer at once.
    from serving.style_client import StyleClient

    values = flags.FLAGS
    with StyleClient(
        values.server,
        values.model,
        version=values.version,
        label=values.label,
        timeout=values.timeout,
        credentials=_credentials(),
    ) as client:
        return cli.paint(client)


def _credentials() -> "grpc.ChannelCredentials | None":
    if not _TLS_CA.value:
        return None
    import grpc

    files = [_TLS_CA.value, _TLS_KEY.value, _TLS_CERT.value]
    return grpc.ssl_channel_credentials(
        *(pathlib.Path(f).read_bytes() if f else None for f in files)
    )


if __name__ == "__main__":
    cli.run(main)
