"""Maps that know nothing of the network, and one that knows the answer: what explanations are held against."""
