"""Strict reading: JSON, documents and headers whose every fault is said in a sentence, and such sentences' words."""
