"""A rollout in progress: samplers, and the session that goes chunk after chunk."""
