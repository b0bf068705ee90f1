"""Tiny World: a procedural first-person 3-D world, its pilot and its trainer."""
