"""The whole of it, as a person and as an operator meets it: one deployment of its own, from the command."""
