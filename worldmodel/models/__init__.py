"""The networks: shared Wan layers once, then one file per family. Modules hold weights only; state is an argument."""

NOT_A_SAMPLER = "This is a world model: use Rollout World instead of a sampler such as KSampler."
"""What a network says that is called without a call."""
