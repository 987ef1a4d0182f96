"""The door to storage: how an href is opened for reading, and how a result is published."""
