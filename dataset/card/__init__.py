"""The dataset card: what a dataset holds, how it was made and what it cannot say, as Markdown and as HTML."""
