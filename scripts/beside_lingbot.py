"""How fast a causal Wan network is beside its authors' own: `python scripts/beside_lingbot.py --authors FOLDER`.

FOLDER holds the public code of LingBot-World (github.com/Robbyant/lingbot-world), whose causal network is that of its
second version, too; it is fetched by whoever runs this, and none of it is in this repository. Both get the same random
weights and inputs and run a block's later pass with a full window in float32, in turns, on one core; both answers must
agree. Kernels and bytes are counted without numbers at the released sizes, too. Attention, which needs a GPU there, is
torch's own on both sides.
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

from worldmodel.bench.released_causal_wan import LINGBOT_1_3B, LINGBOT_14B, bounds
from worldmodel.layers.camera_rays import ray_tokens
from worldmodel.layers.kept import Kept
from worldmodel.layers.sink_cache import SinkCache
from worldmodel.models.causal_wan.conditions import Call
from worldmodel.models.causal_wan.network import CausalWan
from worldmodel.models.causal_wan.sizes import Sizes
from worldmodel.variants import VARIANTS

NEEDED = "wan/modules/model_fast.py"
VARIANT, LEVEL = VARIANTS["lingbot_2_1_3b"], 833.0
BLOCK, WINDOW, SINK = VARIANT.chunking.later, VARIANT.window, VARIANT.sink
GOLDEN = Sizes(dim=56, ffn_dim=88, freq_dim=32, layers=3, text_dim=20, in_dim=36, channels=16, cell=8, heads=2)
MIDDLE = LINGBOT_1_3B._replace(dim=384, ffn_dim=2240, layers=12, heads=3)
CASES = (
    ("the goldens' size", GOLDEN, (4, 6), 12, False),
    ("384 wide, 12 blocks, 16 x 24 latents", MIDDLE, (16, 24), 512, False),
    ("LingBot-World 2 1.3B, 58 x 104 latents", LINGBOT_1_3B, (58, 104), 512, True),
    ("LingBot-World 2 14B, 58 x 104 latents", LINGBOT_14B, (58, 104), 512, True),
)


@cache
def authors_model(folder: Path) -> type[nn.Module]:
    """Return the authors' network class.

    Raises:
        HostError: the folder holds no such code.
    """
    return authors_class(
        folder, NEEDED, "https://github.com/Robbyant/lingbot-world", "wan.modules.model_fast", "WanModelFast"
    )


def runners(folder: Path, sizes: Sizes, grid: tuple[int, int], words: int, device: str) -> dict[str, Any]:
    """Return theirs and ours, each giving the velocity of a block with a full window, the text's keys made before."""
    torch.manual_seed(0)
    with torch.device(device):
        theirs = authors_model(folder)(
            model_type="i2v", text_len=words, in_dim=sizes.in_dim, dim=sizes.dim, ffn_dim=sizes.ffn_dim,
            freq_dim=sizes.freq_dim, text_dim=sizes.text_dim, out_dim=sizes.channels, num_heads=sizes.heads,
            num_layers=sizes.layers, local_attn_size=WINDOW, sink_size=SINK,
        ).eval().requires_grad_(False)  # fmt: skip
    if device != "meta":
        for weight in theirs.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    ours = CausalWan(sizes, device="meta")
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    ours.eval().requires_grad_(False)
    per_latent, head = grid[0] * grid[1] // 4, sizes.dim // sizes.heads
    with torch.device(device):
        x, y = torch.randn(sizes.channels, BLOCK, *grid), torch.randn(20, BLOCK, *grid)
        camera, text = torch.randn(1, 384, BLOCK, *grid), torch.randn(words, sizes.text_dim)
        past = torch.randn(sizes.layers, 2, 1, (WINDOW - BLOCK) * per_latent, sizes.heads, head)
    window, cross = _their_caches(sizes, past, words, per_latent, device)
    start, level = 5 * BLOCK * per_latent, torch.full((1,), LEVEL, device=device)

    def run_theirs(first: bool = False) -> Tensor:
        for block in window:  # the reference reads its ends as numbers, and a pass sets them
            block["global_end_index"].fill_(start)
            block["local_end_index"].fill_((WINDOW - BLOCK) * per_latent)
        return theirs(
            [x], level, [text], BLOCK * per_latent, y=[y], dit_cond_dict={"c2ws_plucker_emb": [camera]},
            kv_cache=window, crossattn_cache=cross, current_start=start, frame_seqlen=per_latent,
            cross_attn_first_call=first,
        )[0]  # fmt: skip

    own = SinkCache(WINDOW, SINK)
    for index in range(sizes.layers):
        own.extend((index, "self"), *past[index], per_latent=per_latent, commit=True)
    call = Call(
        torch.full((1, BLOCK), LEVEL), torch.arange(5 * BLOCK, 6 * BLOCK), text[None], y[None], ray_tokens(camera),
        own, kept=Kept(),
    )  # fmt: skip

    def run_ours() -> Tensor:
        return ours(x[None], call=call)[0]

    with torch.inference_mode():
        run_theirs(first=True), run_ours()
    return {"theirs": run_theirs, "ours": run_ours}


class _End:
    """A number that the reference keeps in a tensor, where tensors have no numbers."""

    def __init__(self):
        self.value = 0

    def item(self) -> int:
        return self.value

    def fill_(self, value: int) -> None:
        self.value = value


def _their_caches(sizes: Sizes, past: Tensor, words: int, per_latent: int, device: str) -> tuple[list, list]:
    """Return their caches: the window, full but for a block, and the text's."""
    heads, head, room = sizes.heads, sizes.dim // sizes.heads, WINDOW * per_latent
    window, cross = [], []
    for index in range(sizes.layers):
        k, v = (torch.zeros(1, room, heads, head, device=device) for _ in range(2))
        k[:, : past.shape[3]], v[:, : past.shape[3]] = past[index]
        window.append({"k": k, "v": v, "global_end_index": _End(), "local_end_index": _End()})
        text = {name: torch.zeros(1, words, heads, head, device=device) for name in ("k", "v")}
        cross.append({**text, "is_init": _End()})
    return window, cross


def compare(options: argparse.Namespace) -> int:
    """Compare at every size and print the figures.

    Raises:
        HostError: the authors' code is missing, or the answers differ.
    """
    torch.set_num_threads(1)
    for name, sizes, grid, words, released in CASES:
        if options.counted and not released:
            continue
        device = "meta" if released else "cpu"
        runs: dict[str, Callable[[], Tensor]] = runners(options.authors.expanduser(), sizes, grid, words, device)
        agreed = "counted only" if released else check_equal(runs)
        seconds = {} if released else in_turns(runs, options.rounds)
        say(f"a block's later pass with a full window, {name}: {agreed}")
        theirs, ours = (count(runs[each]).cost for each in ("theirs", "ours"))
        for each, cost in (("theirs", theirs), ("ours", ours)):
            spent = f"  {seconds[each]:.4f} s" if seconds else ""
            counted = f"{cost.kernels:7,} kernels {cost.bytes / 1e9:10,.3f} GB {cost.flop / 1e9:12,.1f} GFLOP"
            print(f"  {each:7s} {counted}{spent}")
        ratio = f", time {seconds['theirs'] / seconds['ours']:.2f}" if seconds else ""
        less = f"kernels {theirs.kernels / ours.kernels:.2f}, bytes {theirs.bytes / ours.bytes:.2f}"
        bound = bounds(sizes, VARIANT, grid)[0] if words == VARIANT.text.words else 0
        least = f", GFLOP {ours.flop / bound:.4f} of the bound" if bound else ""
        print(f"  theirs / ours: {less}{ratio}{least}", flush=True)
    return 0


def main(words: list[str]) -> int:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--authors", type=Path, required=True, help="the folder with the authors' code")
    parser.add_argument("--rounds", type=int, default=7, help="counted turns of each (default %(default)s)")
    parser.add_argument("--counted", action="store_true", help="the released sizes alone, of which nothing is run")
    options = parser.parse_args(words)
    if options.rounds < 1:
        parser.error(f"--rounds: found {options.rounds}, expected 1 or more.")
    return run_inside(__file__, lambda comfyui: compare(options), words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
