"""One small file a family of metrics; `evaluation.localization.METRICS` gathers their rows."""
