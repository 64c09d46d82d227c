"""The faults: servers are killed and links are cut under a writer that goes on, and nothing may be lost."""
