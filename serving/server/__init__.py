"""A server of exported models over gRPC and REST, for development."""
