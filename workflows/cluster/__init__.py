"""Job files for clusters, written to be read and changed."""
