"""What is told of a problem, when, and that it arrives once."""
