"""Work lists of any length, painted in shards, on one machine or on many."""
