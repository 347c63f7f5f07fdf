"""Engines: what does work items, on this machine or on a Ray cluster."""
