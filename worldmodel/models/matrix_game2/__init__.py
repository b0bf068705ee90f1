"""Matrix-Game 2.0: its network, and what it is told."""
