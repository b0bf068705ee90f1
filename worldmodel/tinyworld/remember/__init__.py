"""Tiny World with memory: Matrix-Game 3.0's architecture at Tiny World's size, its training, play and ablation."""
