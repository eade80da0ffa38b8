r"""Stylizes photographs by a model server, through REST.

  python -m serving.rest_client --server=http://localhost:8501 \
      --content=dog.jpg --style=wave.jpg --output=dog_wave.png

Like serving.client, which is faster; for networks that only let HTTP through,
and as an example of the requests: --form=instances sends rows, --form=inputs
columns.
"""

from absl import app, flags

from serving import cli

cli.define_client_flags("http://localhost:8501")
_FORM = flags.DEFINE_enum(
    "form",
    "instances",
    ["instances", "inputs"],
    "Form of the JSON: instances for the row format, inputs for the column "
    "format.",
)
_TLS_CA = flags.DEFINE_string(
    "tls_ca", None, "File of the certificate (PEM) to check an https server by."
)


def main() -> int:
    """Stylizes the photographs."""
    values = flags.FLAGS
    if "://" not in values.server:
        raise app.UsageError(
            f"--server must begin with http:// or https://, received "
            f"'{values.server}'"
        )
    # requests takes a while to load; --help and bad flags answer at once.
    from serving.rest_style_client import RestStyleClient

    return cli.paint(
        RestStyleClient(
            values.server,
            values.model,
            version=values.version,
            label=values.label,
            timeout=values.timeout,
            form=_FORM.value,
            tls_ca=_TLS_CA.value,
        )
    )


if __name__ == "__main__":
    cli.run(main)
