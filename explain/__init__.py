"""What a trained network looks at: explanation methods and baselines, in bulk, stored raw, and drawn."""
