"""Walking while it is made: a rollout whose next chunk's controls come from a player, or from a program.

walk     the rollout itself, without any wire: open, step, take back, reseed, reset, save, fork
wire     the versioned messages in which a player and a program speak with it; needs no torch
schema   the same messages as a JSON Schema
"""
