"""The real ComfyUI as a process, and its API: the library's, for the scripts and the tests."""

from __future__ import annotations

from repository import REPOSITORY

from worldmodel.batch.api import Client, HostError, PromptRefused, Run
from worldmodel.batch.host import HOST_VERSION, PACK, ComfyHost, copy_pack, dotted, host_version

__all__ = [
    "HOST_VERSION",
    "PACK",
    "REPOSITORY",
    "Client",
    "ComfyHost",
    "HostError",
    "PromptRefused",
    "Run",
    "copy_pack",
    "dotted",
    "host_version",
]
