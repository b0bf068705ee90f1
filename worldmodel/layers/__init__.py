"""What networks are made of: attention, rotary embeddings, caches, norms, and layers in few bits."""
