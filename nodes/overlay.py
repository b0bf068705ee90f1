"""Overlay Controls: what was pressed, drawn on the pictures."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..worldmodel.layers.threads import few_threads
from ..worldmodel.reading.limits import MAX_FRAMES
from ..worldmodel.shown.overlay import MAX_SCALE, draw_controls
from ..worldmodel.track.track import Track as DenseTrack
from .host.progress import Progress
from .schema import CATEGORY
from .types import Track

SMOOTH, PIXELS = "smooth", "pixels"


class OverlayControls(io.ComfyNode):
    """Keys, mouse, frame counter and path map on a video's frames."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to the host."""
        return io.Schema(
            node_id="WMOverlayControls",
            display_name="Overlay Controls",
            category=CATEGORY,
            description="Draws keys held, mouse, frame counter and the path from above on the frames of a track.",
            search_aliases=["keyboard overlay", "hud", "show controls", "draw keys", "minimap"],
            inputs=[
                io.Image.Input(
                    "images", tooltip="The frames of a rollout or of the whole world; they stay as they are."
                ),
                Track.Input("track", tooltip="The track they were made from: row i is lit on frame i."),
                io.Int.Input(
                    "start_frame",
                    default=0,
                    min=0,
                    max=MAX_FRAMES,
                    tooltip="The track's frame that the first image shows.",
                ),
                io.Int.Input(
                    "scale",
                    default=0,
                    min=0,
                    max=MAX_SCALE,
                    tooltip="Enlarges first; 0 enlarges small pictures until readable.",
                ),
                io.Combo.Input(
                    "enlarge", options=[SMOOTH, PIXELS], tooltip="How pictures are enlarged: bicubic, or square pixels."
                ),
                io.Boolean.Input("path_map", default=True, tooltip="Draws the path from above, ignoring walls."),
            ],
            outputs=[io.Image.Output(display_name="images")],
        )

    @classmethod
    def execute(
        cls,
        images: torch.Tensor,
        track: DenseTrack,
        start_frame: int = 0,
        scale: int = 0,
        enlarge: str = SMOOTH,
        path_map: bool = True,
    ) -> io.NodeOutput:
        """Draw on a copy of the images."""
        with few_threads():  # each frame is little work between two barriers
            drawn = draw_controls(
                images[..., :3],
                track,
                first_frame=start_frame,
                scale=scale,
                smooth=enlarge == SMOOTH,
                path_map=path_map,
                after_frame=Progress(len(images)).advance,
            )
        return io.NodeOutput(drawn)


NODES = [OverlayControls]
