"""The local page for looking into a dataset: filters, a grid of thumbnails, one picture with all that is known."""
