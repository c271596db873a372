"""The grids of the innsight paper (Koenen and Wright, Journal of Statistical Software): run time and agreement."""
