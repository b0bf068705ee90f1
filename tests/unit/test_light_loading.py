"""Nothing here wakes torch's compiler: importing it (and sympy) takes ten times as long as loading Tiny World."""

import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
# each in its turn, in one process: an import of torch takes longer than all of them
WORK = """
import json, sys
from pathlib import Path

import torch
from worldmodel.tinyworld.evaluate.speed import tiny_world
from worldmodel.layers.quantize import layers
from worldmodel.models.matrix_game2.network import MatrixGame2, Sizes
from worldmodel.reading.safetensors_files import load_safetensors
from worldmodel.tinyworld.player import MODEL_FILE
from worldmodel.vae.tiny import TinyVAE
from worldmodel.vae.wan21 import Wan21VAE
from worldmodel.vae.wan22 import Wan22VAE
from worldmodel.checkpoints.recognise import load_network, recognise

def asleep(after):
    for name in ("torch._dynamo", "torch._inductor", "torch.fx.experimental.symbolic_shapes", "sympy"):
        assert name not in sys.modules, f"{name} was imported by {after}"

tiny_world(repeats=1, chunks=1)
asleep("loading and walking Tiny World")
tiny = recognise(*load_safetensors(MODEL_FILE))
load_network(tiny, dtype=torch.bfloat16, operations=layers("int8"))
asleep("loading in 8 bits")
for name in ("universal", "gta_drive", "templerun"):
    listed = json.loads(Path(f"tests/golden/matrix_game2/keys_{name}.json").read_text(encoding="utf-8"))
    recognise({key: torch.empty(shape, device="meta") for key, (shape, _) in listed.items()})
    asleep(f"recognising {name}")
for network in (MatrixGame2, TinyVAE, Wan21VAE, Wan22VAE):
    sizes = {"sizes": Sizes(**tiny.sizes)} if network is MatrixGame2 else {}
    for dtype in (torch.float32, torch.bfloat16):
        assert all(weight.is_meta for weight in network(**sizes, device="meta", dtype=dtype).parameters())
    asleep(f"making {network.__name__} without numbers")
"""


def test_loading_and_walking_never_imports_torchs_compiler():
    done = subprocess.run(
        [sys.executable, "-c", WORK], cwd=REPO, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
