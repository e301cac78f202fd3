"""The engine: it binds a network and its data to compiled kernels, and calls them."""
