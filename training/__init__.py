"""Multi-label classifiers: the paper's network and any timm model, trained, kept as checkpoints, and read again."""
