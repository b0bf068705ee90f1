"""Worlds: a start and the chunks that grew from it, as values, as files and in the journal."""
