"""What the maps say of the network, and what to render more of to cure it."""
