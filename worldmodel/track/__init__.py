"""Tracks: what a user asked for frame by frame, as a timeline, as JSON and as short text."""
