"""The sensors, and what their cursors remember."""
