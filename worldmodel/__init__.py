"""Interactive video world models without a host: networks, sampling, worlds. Nothing here imports ComfyUI."""
