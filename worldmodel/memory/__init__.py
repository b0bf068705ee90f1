"""Which past frames to look at again: how views overlap, an index of poses, a policy, its plan, and a survey."""
