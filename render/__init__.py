"""Piles as plain data, and their pictures and labels by headless Blender and Embree."""
