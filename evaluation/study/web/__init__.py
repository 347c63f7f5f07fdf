"""The study as its participants see it: the pages, the server, the store of answers, and one file for offline."""
