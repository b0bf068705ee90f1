"""A track and a model brought together, both ways: what survives, and why the rest does not."""
