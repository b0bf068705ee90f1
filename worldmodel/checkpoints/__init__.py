"""Checkpoints: what a file holds, told from its tensors before anything runs."""
