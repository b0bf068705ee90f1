"""Tiny World with events: the causal Wan architecture at Tiny World's size, its training, play and measures."""
