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
films       films on a wire, made again where their files are gone
identity    which model a rollout goes with
contents    plain values that stand for what something is
patches     what other nodes hung on a MODEL
journal     where finished chunks are kept, and the user's setting
routes      what the page asks: the editors and the settings
headless    the host without its server, for commands
"""

from __future__ import annotations

from collections.abc import Mapping

from . import network, routes

__all__ = ["register"]


def register(questions: Mapping[str, routes.Question]) -> None:
    """Make the world models known to the host's loading path, and answer what the page asks.

    Args:
        questions: of the page that the nodes answer, by their names.
    """
    network.register()
    routes.add_routes(questions)
