"""Cameras: poses and lenses, and the path that an artist draws."""
