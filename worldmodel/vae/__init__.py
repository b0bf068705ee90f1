"""Causal video VAEs and their streaming."""
