"""Headless hosts of our own: on the models and the input folder of the user's ComfyUI, and on a scratch folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from .api import HostError
from .host import PACK, ComfyHost, find_pack


class Wishes(NamedTuple):
    """What hosts of our own shall be like.

    Args:
        count: how many; 0: one for each of `gpus`, or one.
        gpus: their numbers, one for each host; empty: what the host takes by itself.
        cpu: keep everything on the CPU; `None`: where there is no GPU.
        threads: of each host; 0: PyTorch's own choice.
        input: folder that the workflow's files are in; `None`: the ComfyUI's.
        models: folder of models; `None`: the ComfyUI's.
        nodes: folders of other custom nodes that the workflow needs.
    """

    count: int = 0
    gpus: tuple[str, ...] = ()
    cpu: bool | None = None
    threads: int = 0
    input: Path | None = None
    models: Path | None = None
    nodes: tuple[str, ...] = ()


def has_gpu() -> bool:
    """Tell whether PyTorch has anything better than the CPU here."""
    import torch

    return torch.accelerator.is_available()


def own_hosts(comfyui: Path, base: Path, wishes: Wishes) -> list[ComfyHost]:
    """Lay hosts out that share a scratch folder, and with it the journal of finished chunks; none is started.

    Args:
        comfyui: the host's checkout.
        base: the scratch folder, made if it is not there.
        wishes: what they shall be like.

    Raises:
        HostError: a folder that was wished for is not there.
    """
    folder = (wishes.input or comfyui / "input").resolve()
    models = (wishes.models or comfyui / "models").resolve()
    if not folder.is_dir():
        raise HostError(f"--input: found no folder {folder}, expected the one of the workflow's files; name it.")
    if wishes.models is not None and not models.is_dir():
        raise HostError(f"--models: found no folder {models}, expected ComfyUI's models; name it.")
    base.mkdir(parents=True, exist_ok=True)
    paths = {kind.name: str(kind) for kind in sorted(models.glob("*")) if kind.is_dir()}
    (base / "models.yaml").write_text(json.dumps({"models": paths}), encoding="utf-8")  # JSON is YAML
    cpu = not has_gpu() if wishes.cpu is None else wishes.cpu
    hosts = []
    for number in range(wishes.count or len(wishes.gpus) or 1):
        extra = ["--extra-model-paths-config", str(base / "models.yaml"), "--input-directory", str(folder)]
        # a host's temp folder is emptied when it starts; and what other jobs made is of no use to the next ones
        extra += ["--temp-directory", str(base / f"temp-{number}"), "--cache-classic"]
        extra += ["--whitelist-custom-nodes", PACK, *wishes.nodes]
        if wishes.gpus:
            extra += ["--cuda-device", wishes.gpus[number % len(wishes.gpus)]]
        variables = {"OMP_NUM_THREADS": str(wishes.threads)} if wishes.threads else {}
        host = ComfyHost(comfyui, base, cpu=cpu, extra=tuple(extra), source=find_pack(comfyui), variables=variables)
        host.log = base / f"host-{number}.log"
        hosts.append(host)
    for name in ("output", *(f"temp-{number}" for number in range(len(hosts)))):
        shutil.rmtree(base / name, ignore_errors=True)  # of a run that was killed
    hosts[0].lay_out()
    for name in wishes.nodes:
        _lend(comfyui / "custom_nodes" / name, base / "custom_nodes" / name)
    return hosts


def _lend(source: Path, target: Path) -> None:
    """Put a pack of the user's ComfyUI beside ours."""
    if not source.is_dir():
        raise HostError(f"--nodes: found no folder {source}, expected a pack of that name; install it.")
    if target.is_symlink() or target.exists():
        return
    try:
        target.symlink_to(source, target_is_directory=True)
    except OSError:  # not everybody may make links on Windows
        shutil.copytree(source, target)
