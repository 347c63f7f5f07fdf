"""One small file a family of metrics; `evaluation.localization.registry.METRICS` gathers their rows."""
