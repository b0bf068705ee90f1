"""How fast things run here, as ratios in one run."""
