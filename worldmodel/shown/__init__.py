"""What a person looks at: films, overlays, comparisons and sheets."""
