"""Networks with published weights: their layers, files and contents."""
