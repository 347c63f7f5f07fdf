"""Training: the loop, what teaches a network, and the processes that do it together."""
