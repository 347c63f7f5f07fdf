"""Localisation: where a map is high, is the brick there?"""
