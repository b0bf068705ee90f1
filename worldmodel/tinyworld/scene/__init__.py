"""Tiny World 2's places: themes of a few materials, levels with names, random layouts, and who walks in them."""
