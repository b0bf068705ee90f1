"""How fast Yume 1.5's network is beside its authors' own: `python scripts/beside_yume.py --authors FOLDER`.

FOLDER holds the authors' public code (github.com/stdstu12/YUME), which is fetched by whoever runs this; none of it is
in this repository. Both get the same random weights and inputs and run a chunk's later pass behind a long history in
float32, in turns, on one core; both answers must agree. Kernels and bytes are counted without numbers at the released
size, too. Attention, which needs a GPU there, is torch's own on both sides.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from beside_authors import authors_class, check_equal, count, in_turns
from environment import run_inside, say
from torch import Tensor, nn

from worldmodel.layers.kept import Kept
from worldmodel.models.yume.conditions import Call, Cuts, History
from worldmodel.models.yume.history import plan_of
from worldmodel.models.yume.network import Yume
from worldmodel.models.yume.sizes import Sizes

NEEDED = "wan23/modules/model.py"
NEW, LEVEL = 8, 875.0
GOLDEN = Sizes(dim=32, ffn_dim=48, freq_dim=32, layers=2, text_dim=20, channels=4, heads=2)
MIDDLE = Sizes(dim=384, ffn_dim=1792, freq_dim=256, layers=12, text_dim=4096, channels=48, heads=3)
RELEASED = Sizes(dim=3072, ffn_dim=14336, freq_dim=256, layers=30, text_dim=4096, channels=48, heads=24)
CASES = (
    ("the goldens' size, 101 latents behind", GOLDEN, (6, 10), 12, 101),
    ("384 wide, 16 x 24 latents, 101 behind", MIDDLE, (16, 24), 512, 101),
    ("the released size, 44 x 80 latents, 101 behind", RELEASED, (44, 80), 512, 101),
)


@cache
def authors_model(folder: Path) -> type[nn.Module]:
    """Return the authors' network class.

    Raises:
        HostError: the folder holds no such code.
    """
    return authors_class(folder, NEEDED, "https://github.com/stdstu12/YUME", "wan23.modules.model", "WanModel")


def runners(folder: Path, sizes: Sizes, grid: tuple[int, int], words: int, history: int, device: str) -> dict[str, Any]:
    """Return theirs and ours, each giving the velocity of the new latents; ours has what its chunk keeps."""
    torch.manual_seed(0)
    with torch.device(device):
        theirs = authors_model(folder)(
            model_type="ti2v", text_len=words, in_dim=sizes.channels, dim=sizes.dim, ffn_dim=sizes.ffn_dim,
            freq_dim=sizes.freq_dim, text_dim=sizes.text_dim, out_dim=sizes.channels, num_heads=sizes.heads,
            num_layers=sizes.layers, cross_attn_norm=True,
        ).eval().requires_grad_(False)  # fmt: skip
    if device != "meta":
        for weight in theirs.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    ours = Yume(sizes, device="meta")
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    ours.eval().requires_grad_(False)
    with torch.device(device):
        latents = torch.randn(sizes.channels, history + NEW, *grid)
        text, times = torch.randn(words, sizes.text_dim), torch.zeros(history + NEW)
    times[history:] = LEVEL
    told = History((latents[:, :history],), range(history))
    zeros = torch.zeros(1, history + NEW, dtype=torch.float64)
    call = Call(told, plan_of(history), text[None], zeros, Kept(), Kept(), Cuts()).at(LEVEL)

    def run_theirs() -> Tensor:
        return theirs([latents], times, [text], 0, latent_frame_zero=NEW)[0]

    return {"theirs": run_theirs, "ours": lambda: ours(latents[None, :, history:], call=call)[0]}


def compare(options: argparse.Namespace) -> int:
    """Compare at every size and print the figures.

    Raises:
        HostError: the authors' code is missing, or the answers differ.
    """
    torch.set_num_threads(1)
    for name, sizes, grid, words, history in CASES:
        device = "meta" if sizes is RELEASED else "cpu"
        runs: dict[str, Callable[[], Tensor]] = runners(
            options.authors.expanduser(), sizes, grid, words, history, device
        )
        agreed = "counted only" if device == "meta" else check_equal(runs)
        seconds = {} if device == "meta" else in_turns(runs, options.rounds)
        say(f"Yume 1.5, a chunk's later pass, {name}: {agreed}")
        theirs, ours = (count(runs[each]).cost for each in ("theirs", "ours"))
        for each, cost in (("theirs", theirs), ("ours", ours)):
            spent = f"  {seconds[each]:.4f} s" if seconds else ""
            counted = f"{cost.kernels:7,} kernels {cost.bytes / 1e9:10,.3f} GB {cost.flop / 1e9:12,.1f} GFLOP"
            print(f"  {each:7s} {counted}{spent}")
        ratio = f", time {seconds['theirs'] / seconds['ours']:.2f}" if seconds else ""
        less = f"kernels {theirs.kernels / ours.kernels:.2f}, bytes {theirs.bytes / ours.bytes:.2f}"
        print(f"  theirs / ours: {less}{ratio}", flush=True)
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--authors", type=Path, required=True, help="the folder with the authors' code")
    parser.add_argument("--rounds", type=int, default=7, help="counted turns of each (default %(default)s)")
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error(f"--rounds: found {options.rounds}, expected 1 or more.")
    return run_inside(__file__, lambda comfyui: compare(options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
