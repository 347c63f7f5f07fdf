"""Workflows across all stages: the demo and the doctor."""
