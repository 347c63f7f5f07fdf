"""Real photos: what people have, read in the formats they have it in, and made part of a dataset."""
