"""Our numbers against the authors': `python -m worldmodel.conformance PATH…` on sets of golden tensors."""
