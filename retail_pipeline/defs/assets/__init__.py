"""The assets, one module a part of the way that the data goes."""
