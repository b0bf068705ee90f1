"""World Info: a world looked at, in words, as a drawing and as a moving picture."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from ..worldmodel.binding.unbind import walked_track
from ..worldmodel.shown.world_drift import drift_words
from ..worldmodel.shown.world_sheet import draw_world, make_sheet, shown_chunks
from ..worldmodel.shown.world_words import describe_world, summary
from ..worldmodel.world.state import World as WorldState
from .frames import last_frames
from .host import progress, reels
from .rolling import check_vae
from .schema import CATEGORY
from .types import Track, World

KEPT, ALL = "kept frames", "all frames"


class WorldInfo(io.ComfyNode):
    """What is in a world."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMWorldInfo",
            display_name="World Info",
            category=CATEGORY,
            description="Shows what is in a world: chunks, frames, seeds, what was held when, the path from above, and "
            "with a VAE a picture of every chunk and how the picture drifts. It also plays the walk.",
            search_aliases=[
                "inspect",
                "contact sheet",
                "timeline",
                "statistics",
                "map",
                "describe world",
                "play",
                "preview",
                "drift",
            ],
            inputs=[
                World.Input("world", tooltip="Any world."),
                io.Vae.Input(
                    "vae", optional=True, tooltip="The VAE that belongs to it; adds the last frame of every chunk."
                ),
                io.Combo.Input(
                    "play",
                    options=[KEPT, ALL],
                    default=KEPT,
                    optional=True,
                    tooltip="What the player on this node shows. kept frames: what other nodes have shown of the "
                    "world, as far as it is still there. all frames: the rest is decoded for it; needs the VAE.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="text", tooltip="A line for each run of chunks that were told the same."),
                io.Image.Output(display_name="image", tooltip="The drawing that the node shows."),
                Track.Output(display_name="track", tooltip="What the world was told, from its first frame on."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, world: WorldState, vae: Any = None, play: str = KEPT) -> io.NodeOutput:
        """Draw it and say it, and show the page what there is to play."""
        sheet = None
        if vae is None and play == ALL:
            raise ValueError(
                "vae: found none, expected the one that belongs to the world, because play is 'all frames'; connect "
                "it, or set play to 'kept frames'."
            )
        if vae is not None:
            check_vae(world, vae)
            if play == ALL:
                reels.make_rest(world, vae)
            shown = shown_chunks(len(world.chunks))
            sheet = make_sheet(shown, last_frames(vae, world, shown)) if shown else None
        picture = draw_world(world, sheet)
        progress.tell(summary(world)[0])
        text = describe_world(world)
        if sheet is not None and sheet.drift is not None:
            text += f"\n{drift_words(sheet.drift)}"
        shown = ui.PreviewImage(picture, cls=cls).as_dict()
        told = {**shown, "text": [text], **reels.results(reels.kept_reel(world, vae))}
        return io.NodeOutput(text, picture, walked_track(world), ui=told)


NODES = [WorldInfo]
