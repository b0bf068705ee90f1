"""Yume 1.5: its network, how its history is compressed, and what it is told."""
