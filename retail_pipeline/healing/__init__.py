"""The stream's health: what is wrong with it, what cures it, and how often a cure is tried."""
