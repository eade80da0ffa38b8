#!/bin/sh
# Writes --ssl_config_file, which holds the texts of PEM files, not their paths.
#
#   serving/ssl_config.sh server.key server.crt [client_ca.crt] > ssl.config
#
# With the third file the server asks clients for a certificate signed by it.
# TLS is for gRPC only; put a proxy in front of REST.
set -eu
if [ $# -lt 2 ]; then
  echo "usage: $0 KEY CERTIFICATE [CLIENT_CA] > ssl.config" >&2
  exit 2
fi
# Not echo: some shells' own would turn \n back into lines.
field() {
  text=$(awk '{printf "%s\\n", $0}' "$2")  # Ends the script if it fails.
  printf '%s: "%s"\n' "$1" "$text"
}
field server_key "$1"
field server_cert "$2"
if [ $# -gt 2 ]; then
  field custom_ca "$3"
  echo "client_verify: true"
fi
