"""Blind forced-choice studies with people: build, serve, import, analyse, plan their size."""
