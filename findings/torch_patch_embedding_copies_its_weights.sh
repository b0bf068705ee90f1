#!/usr/bin/env bash
# PyTorch on a CPU: a Conv3d whose kernel is its stride, as the patch embeddings of video models are, needs all its weights
# once more in memory at every call.
#
# Seen with torch 2.11.0 (Python 3.11, Linux, Intel with AVX-512), 2026-12-01, 48 channels into 512, kernel and stride
# (1, 16, 16), a latent of 32 x 48, float32, one thread:
#   the convolution takes 1.01 times the weights of 25 MB beside what it is given, the same as one product of unfolded
#   patches 0.01 times; 9.3 ms and 1.9 ms; the results agree within 4e-6.
# oneDNN lays the weights out for its kernel and forgets that again, so with few patches and large kernels most of the time
# and nearly all of the memory is not the model's. A plan of the memory that counts tensors does not see it.
# Fails if that changes (the seconds are only printed). PYTHON names another Python 3.11; about 3 GB are downloaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.py" <<'PROBE'
import time

import torch
from torch.nn.functional import linear
from torch.profiler import ProfilerActivity, profile

torch.set_num_threads(1)
torch.manual_seed(0)
kernel = (1, 16, 16)
layer = torch.nn.Conv3d(48, 512, kernel, kernel).requires_grad_(False)
latent = torch.randn(1, 48, 1, 32, 48)


def as_product():
    x = latent
    for axis, side in enumerate(kernel, start=2):
        x = x.unfold(axis, side, side)
    patches = x.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4)
    return linear(patches, layer.weight.flatten(1), layer.bias).permute(0, 4, 1, 2, 3)


def peak(run):
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        run()
    held = most = 0
    for event in seen.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            most = max(most, held)
    return most / (4 * layer.weight.numel())


def milliseconds(run):
    taken = []
    for _ in range(6):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return 1000 * min(taken)


with torch.inference_mode():
    layer(latent), as_product()
    runs = {"convolution": lambda: layer(latent), "product": as_product}
    shares = {name: peak(run) for name, run in runs.items()}
    for name, run in runs.items():
        print(f"{name}: {shares[name]:.2f} times its weights, {milliseconds(run):.1f} ms")
    apart = (layer(latent) - as_product()).abs().max().item()
    print(f"torch {torch.__version__}; apart by at most {apart:.0e}")
assert apart < 1e-4
assert shares["product"] < 0.1
assert shares["convolution"] > 0.9, "the weights are not laid out anew in every call any more"
PROBE
"${PYTHON:-python3.11}" -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.4.6
"$folder/environment/bin/python" "$folder/probe.py"
