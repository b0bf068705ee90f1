"""Matrix-Game 3.0: its network, what it is told, and what its worlds start with."""
