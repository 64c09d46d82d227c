"""The stream: publication, slot, connectors, lag."""
