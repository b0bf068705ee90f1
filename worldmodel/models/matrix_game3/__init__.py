"""Matrix-Game 3.0: its network, and what it is told."""
