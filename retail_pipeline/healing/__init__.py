"""The stream's health: what is wrong with it, what remedies it, and how often a remedy is tried."""
