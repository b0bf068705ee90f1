"""The pack's own wire types, for what the host has no word for."""

from __future__ import annotations

from comfy_api.latest import io

World = io.Custom("WM_WORLD")
"""A `worldmodel.world.state.World`: a start and the finished chunks."""

Track = io.Custom("WM_TRACK")
"""A `worldmodel.track.track.Track`: what the user asked for, frame by frame."""

Memory = io.Custom("WM_MEMORY")
"""A policy: which past frames are looked at again."""

Words = io.Custom("WM_WORDS")
"""A `worldmodel.binding.spoken.Template`: how keys are put into words."""
