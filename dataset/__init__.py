"""The dataset of pictures of piles: shards on disk, their index in DuckDB, and the loader that trains on them."""
