"""Files on disk: written whole or not at all, under names that nobody else has, and found again."""
