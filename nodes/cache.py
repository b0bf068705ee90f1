"""World Cache: what a causal model keeps of its past, and what it makes again when the prompt changes."""

from __future__ import annotations

from comfy_api.latest import io

from ..worldmodel.memory.kept_keys import AS_COMPUTED, LAST_BLOCK, RECACHES, STORES, KeptKeys, check_kept_keys
from .schema import CATEGORY
from .types import Memory

IN_THE_WORLD, IN_THE_WINDOW = "in the world", "in the window"


class WorldCache(io.ComfyNode):
    """How keys and values are kept."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMWorldCache",
            display_name="World Cache",
            category=CATEGORY,
            description="Says what LingBot-World, Self-Forcing, LongLive or Tiny World with events makes again of its "
            "past when the prompt changes on the way, and how it keeps it. For Rollout World's memory.",
            search_aliases=["kv cache", "recache", "prompt switch", "event", "lingbot", "longlive", "gamecraft"],
            inputs=[
                io.Combo.Input(
                    "on_new_prompt",
                    options=list(RECACHES),
                    default=LAST_BLOCK,
                    tooltip="What is made again under a new prompt. last block, as GameCraft-2: one pass. text only: "
                    "none, so the past still speaks of the old prompt. last two blocks: two passes. window, as "
                    "LongLive: all but the world's beginning, in one long pass. window and sink: that, too.",
                ),
                io.Combo.Input(
                    "keys_and_values",
                    options=list(STORES),
                    default=AS_COMPUTED,
                    advanced=True,
                    tooltip="How they are stored. int8: about half the memory of 16 bits, and a little off in every "
                    "block that looks back.",
                ),
                io.Combo.Input(
                    "positions",
                    options=[IN_THE_WORLD, IN_THE_WINDOW],
                    default=IN_THE_WORLD,
                    advanced=True,
                    tooltip="Where time is counted from: the world's beginning, as all of these were trained, or the "
                    "window's, for models that were trained so (LongLive's endless form).",
                ),
            ],
            outputs=[Memory.Output(display_name="memory")],
        )

    @classmethod
    def execute(
        cls, on_new_prompt: str, keys_and_values: str = AS_COMPUTED, positions: str = IN_THE_WORLD
    ) -> io.NodeOutput:
        """Check what may come through links."""
        policy = KeptKeys(on_new_prompt, keys_and_values, positions == IN_THE_WINDOW)
        check_kept_keys(policy)
        return io.NodeOutput(policy)


NODES = [WorldCache]
