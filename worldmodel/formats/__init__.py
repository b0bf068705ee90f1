"""Track and camera formats, one file each."""
