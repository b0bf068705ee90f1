"""A journal file with the right checksum and odd content is not there: never used, never an error, and replaced."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from worldmodel.reading.safetensors_files import METADATA_KEY
from worldmodel.world.chunk_file import VERSION, Expected
from worldmodel.world.journal import SUFFIX, Journal
from worldmodel.world.state import Chunk, Controls, Start

LARGE = 1 << 30
ROOT = "ab" * 32
START = Start("tiny_world_2", "tiny_world", torch.zeros(20, 5, 4, 6), torch.zeros(7, 20))
CONTROLS = Controls(torch.ones(9, 4), torch.zeros(9, 2))
KEY = "cd" * 32
CHUNK = Chunk(torch.randn(16, 3, 4, 6), CONTROLS, 5, KEY)
EXPECTED = Expected(START, 0, CONTROLS, 5)
TENSORS = {"latents": CHUNK.latents, **CONTROLS.tensors}
ENTRIES = {"journal": VERSION, "key": KEY, "parent": ROOT, "prompt": "", "seed": 5}


def sealed(header: bytes, body: bytes) -> bytes:
    """Put a header and numbers together, with a checksum that fits them."""
    data = len(header).to_bytes(8, "little") + header + body
    begin = data.index(b'"checksum":"') + len(b'"checksum":"')
    return data[:begin] + hashlib.sha256(data).hexdigest().encode() + data[begin + 64 :]


def file_of(tensors: dict[str, torch.Tensor] | None = None, entries: Any = None) -> bytes:
    text = entries if isinstance(entries, str) else json.dumps({**ENTRIES, **(entries or {})})
    data = save(tensors or TENSORS, metadata={METADATA_KEY: text, "checksum": "0" * 64})
    length = int.from_bytes(data[:8], "little")
    return sealed(data[8 : 8 + length], data[8 + length :])


def with_header(change: Callable[[dict], None]) -> bytes:
    data = file_of()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"]["checksum"] = "0" * 64
    change(header)
    return sealed(json.dumps(header, separators=(",", ":")).encode(), data[8 + length :])


def latents(tensor: torch.Tensor) -> bytes:
    return file_of({**TENSORS, "latents": tensor})


def one_bad(value: float) -> torch.Tensor:
    bad = CHUNK.latents.clone()
    bad[3, 1, 2, 4] = value
    return bad


ODD = {
    "NaN": latents(one_bad(float("nan"))),
    "infinity": latents(one_bad(float("inf"))),
    "NaN in half precision": latents(one_bad(float("-inf")).half()),
    "NaN among the poses": file_of({**TENSORS, "poses": torch.full((9, 4, 4), float("nan"))}),
    "latents of another shape": latents(torch.zeros(16, 3, 4, 8)),
    "latents of another rank": latents(torch.zeros(())),
    "no latents": file_of({key: value for key, value in TENSORS.items() if key != "latents"}),
    "no keyboard": file_of({"latents": CHUNK.latents}),
    "no mouse": file_of({key: value for key, value in TENSORS.items() if key != "mouse"}),
    "whole numbers": latents(torch.zeros(16, 3, 4, 6, dtype=torch.int64)),
    "complex numbers": latents(torch.zeros(16, 3, 4, 6, dtype=torch.complex64)),
    "float64": latents(CHUNK.latents.double()),
    "8 bits": latents(torch.zeros(16, 3, 4, 6).to(torch.float8_e4m3fn)),
    "other keys": file_of({**TENSORS, "keyboard": torch.zeros(9, 4)}),
    "keys of another type": file_of({**TENSORS, "keyboard": torch.ones(9, 4, dtype=torch.bool)}),
    "another mouse": file_of({**TENSORS, "mouse": torch.ones(9, 2)}),
    "poses of another shape": file_of({**TENSORS, "poses": torch.zeros(9, 16)}),
    "another seed": file_of(entries={"seed": 6}),
    "a seed in words": file_of(entries={"seed": "5"}),
    "true as a seed": file_of(entries={"seed": True}),
    "a prompt": file_of(entries={"prompt": "rain"}),
    "no prompt": file_of(entries={"prompt": None}),
    "a later version": file_of(entries={"journal": VERSION + 1}),
    "a version in words": file_of(entries={"journal": "1"}),
    "another key": file_of(entries={"key": ROOT}),
    "a list": file_of(entries=json.dumps([ENTRIES])),
    "nothing": file_of(entries="null"),
    "a number": file_of(entries="7"),
    "no JSON": file_of(entries="{half"),
    "nesting": file_of(entries="[" * 100_000 + "]" * 100_000),
    "no entry of ours": with_header(lambda header: header["__metadata__"].pop(METADATA_KEY)),
    "offsets in words": with_header(lambda header: header["latents"].update(data_offsets=["0", "4"])),
    "offsets of nothing": with_header(lambda header: header["latents"].update(data_offsets=None)),
    "offsets without end": with_header(lambda header: header["latents"].update(data_offsets=[0, 10**400])),
    "a shape in words": with_header(lambda header: header["latents"].update(shape=["a"])),
    "a tensor that is text": with_header(lambda header: header.update(latents="gone")),
    "a type of the future": with_header(lambda header: header["latents"].update(dtype="F3")),
    "a header longer than the file": (2**63).to_bytes(8, "little") + file_of()[8:],
    "a table": sealed(b'[1,{"checksum":"' + b"0" * 64 + b'"}]', b""),
}  # fmt: skip


@pytest.mark.parametrize("content", ODD)
def test_odd_content_is_not_there_and_is_replaced(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal, path = Journal(tmp_path, LARGE), tmp_path / f"{KEY}{SUFFIX}"
    path.write_bytes(ODD[content])
    assert journal.find(KEY, expected=EXPECTED) is None
    assert path.name in caplog.text and "computed again" in caplog.text and len(caplog.text) < 1000
    journal.keep(CHUNK, ROOT)
    assert torch.equal(journal.find(KEY, expected=EXPECTED).latents, CHUNK.latents)


def test_what_a_file_is_made_of_here_is_a_chunk_when_nothing_is_odd(tmp_path: Path) -> None:
    for data in (file_of(), with_header(lambda header: None)):
        (tmp_path / f"{KEY}{SUFFIX}").write_bytes(data)
        assert Journal(tmp_path, LARGE).find(KEY, expected=EXPECTED) is not None


def test_thousands_of_changed_files_never_end_a_rollout(tmp_path: Path) -> None:
    rng, whole = random.Random(1), file_of()
    length = int.from_bytes(whole[:8], "little")
    journal, path = Journal(tmp_path, LARGE), tmp_path / f"{KEY}{SUFFIX}"
    values = (b"null", b'""', b"-1", b"1e400", b"[]", b"{}", b"true", b"NaN", b"9" * 30)
    for _ in range(1000):
        header = bytearray(whole[8 : 8 + length])
        seal = header.index(b'"checksum":"') + len(b'"checksum":"')
        header[seal : seal + 64] = b"0" * 64
        places = [at for at in range(len(header)) if not seal - 16 <= at < seal + 65]
        at = rng.choice(places)
        header[at : at + rng.randrange(4)] = rng.choice(values) if rng.random() < 0.5 else rng.randbytes(1)
        path.write_bytes(sealed(bytes(header), whole[8 + length :]))
        chunk = journal.find(KEY, expected=EXPECTED)
        assert chunk is None or torch.equal(chunk.latents, CHUNK.latents)


def test_a_pipe_a_folder_and_a_broken_link_in_a_files_place_are_not_waited_for(tmp_path: Path) -> None:
    journal, path = Journal(tmp_path, LARGE), tmp_path / f"{KEY}{SUFFIX}"
    os.mkfifo(path)
    assert journal.find(KEY) is None
    path.unlink()
    path.symlink_to(tmp_path / "gone")
    assert journal.find(KEY) is None
    path.unlink()
    path.mkdir()
    assert journal.find(KEY) is None


def test_a_file_far_larger_than_a_chunk_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / f"{KEY}{SUFFIX}"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # holes; reading it would take all memory
    assert Journal(tmp_path, LARGE).find(KEY, expected=EXPECTED) is None
