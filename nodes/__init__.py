"""The pack's nodes: one module per idea, collected here for the host."""

from __future__ import annotations

from importlib import import_module

from comfy_api.latest import ComfyExtension, io

NODE_MODULES: tuple[str, ...] = (
    "loaders",
    "worlds",
    "tracks",
    "camera_path",
    "track_files",
    "track_edits",
    "rollout",
    "play",
    "film",
    "archive",
    "info",
    "camera_set",
    "takes",
    "compare",
    "overlay",
    "memory",
    "cache",
    "words",
    "record",
)
"""Modules of this package whose `NODES` list goes to the host, in the order of the node menu."""


class WorldModelExtension(ComfyExtension):
    """Everything the pack adds to the host."""

    async def on_load(self) -> None:
        """Make the world models known to the host's loading path, and answer what the page asks."""
        from ..worldmodel.tinyworld import truth
        from ..worldmodel.tinyworld.scene import overhead
        from . import archive, shelf
        from .host import register

        plan = {"plan": overhead.ground_plan}
        register({**archive.QUESTIONS, **shelf.QUESTIONS, **truth.QUESTIONS, **plan}, {"view": overhead.picture})

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Collect the node classes of every module in `NODE_MODULES`."""
        return [node for name in NODE_MODULES for node in import_module(f".{name}", __package__).NODES]


async def comfy_entrypoint() -> ComfyExtension:
    """Hand the pack to the host, which calls this once at start."""
    return WorldModelExtension()
