"""A study is built: what is asked, of whom, in which order, with which pictures."""
