"""A run's folder: settings, checkpoints, history, and runs side by side."""
