"""One body, both worlds: what a host and a world promise, asked of the simulation and of real processes."""
