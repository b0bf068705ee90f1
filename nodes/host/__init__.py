"""The seam: the one part of the pack that touches the host's internals, one file per thing of the host's.

network     our networks behind the host's MODEL
checkpoints model files to patchers
vae         VAE files to the host's VAE, and what we know about each kind
clip        CLIP vision files to the host's tower, and what it sees of a picture
decoder     frames from latents, piece by piece
sampling    one host sampling session for a whole rollout
progress    the progress bar and its preview
model_files the built-in weights and the host's model folders
files       the host's folders for what is made
outputs     what lies in a folder of the host's output
reels       small pictures of a walk, for the page to play
films       films on a wire, made again where their files are gone
saved       films and pictures in the output folder, with the workflow in them
runs        what one queued graph writes and links
upscale     the host's upscale models
identity    which model a rollout goes with
contents    plain values that stand for what something is
patches     what other nodes hung on a MODEL
journal     where finished chunks are kept, and the user's setting
settings    what users have set
play        walks that are being played, and who plays them
play_queue  graphs that programs queue to play them
routes      what the page asks: the editors and the settings
prompts     what the host would refuse of a graph
headless    the host without its server, for commands
"""

from __future__ import annotations

from collections.abc import Mapping

from . import network, outputs, reels, routes

__all__ = ["register"]


def register(questions: Mapping[str, routes.Question], views: Mapping[str, routes.View]) -> None:
    """Make the world models known to the host's loading path, and answer what the page asks.

    Args:
        questions: of the page that the nodes answer, by their names.
        views: pictures that they show it, by their names.
    """
    network.register()
    routes.add_routes({**questions, **reels.QUESTIONS, **outputs.QUESTIONS}, views)
