"""Two processes that train together: other clips in each, the same weights in both, and one that writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from tests.unit.test_own_films import TINY
from worldmodel.tinyworld import latents, pilot

SCRIPT = """
import json, sys, torch
from pathlib import Path
from worldmodel.tinyworld import train_dit
from worldmodel.tinyworld.together import rank, together
folder, sizes = Path(sys.argv[1]), json.loads(sys.argv[2])
torch.set_num_threads(1)
with together():
    draw, drawn = train_dit.draw_clip, []
    train_dit.draw_clip = lambda *values: drawn.append(draw(*values)) or drawn[-1]
    run = train_dit.train(folder / "run", folder, 60, 1e-3, 0, course=train_dit.Course(sizes, updates=2))
    weights = torch.cat([value.flatten() for value in run.model.state_dict().values()])
    found = {"weights": weights, "clip": drawn[0].latents.flatten()[:64], "seconds": torch.tensor(run.seconds)}
    torch.save(found, folder / f"{rank()}.pt")
"""


def test_two_processes_train_one_network(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(7)
    actions = pilot.random_actions(np.random.default_rng(7), 40, latents.SHORT)
    shard = {
        "latents": torch.randn(40, 16, 9, 4, 6, generator=generator),
        "tail": torch.randn(40, 16, latents.TAIL, 4, 6, generator=generator),
        "keys": actions.keys, "turns": actions.turns.float(),
    }  # fmt: skip
    save_file(shard, tmp_path / "000_00000.safetensors")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    words = [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(TINY)]
    started = [subprocess.Popen(words, env={**os.environ, **meet, "RANK": str(rank)}) for rank in range(2)]
    assert [process.wait(60) for process in started] == [0, 0]
    one, other = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(one["weights"], other["weights"]) and not torch.equal(one["clip"], other["clip"])
    assert one["seconds"] == other["seconds"] > 0  # who would else stop before the other, which waits for it
    kept = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert torch.equal(torch.cat([value.flatten() for value in kept["model"].values()]), one["weights"])
    assert not (tmp_path / "run" / "log.jsonl").exists()
