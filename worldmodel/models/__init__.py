"""The networks: shared Wan layers once, then one file per family. Modules hold weights only; state is an argument."""
