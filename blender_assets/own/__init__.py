"""A user's own meshes as parts: what is said of one, and how its file is read."""
