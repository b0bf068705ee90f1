"""The pack in the real host: it loads, fast and quietly, and shows what it says it has."""

from __future__ import annotations

import compileall
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import psutil
from comfy_host import PACK, ComfyHost

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_host_loads_the_pack_within_its_time(comfy: ComfyHost) -> None:
    log = comfy.log_text()
    assert "IMPORT FAILED" not in log and "Cannot import" not in log, log
    line = re.search(rf"([\d.]+) seconds: .*{re.escape(PACK)}$", log, re.MULTILINE)
    assert line, log
    crowd = max(1.0, psutil.getloadavg()[0] / psutil.cpu_count())  # the log's figure is time by the clock
    assert float(line.group(1)) < 0.3 * crowd, line.group(0)


def test_the_host_lists_every_node(comfy: ComfyHost, pack: ModuleType, of_pack) -> None:
    nodes = of_pack("nodes")
    ids = {node.GET_SCHEMA().node_id for name in nodes.NODE_MODULES for node in of_pack(f"nodes.{name}").NODES}
    listed = comfy.client.call("/object_info")
    ours = {name for name, info in listed.items() if info["python_module"] == f"custom_nodes.{PACK}"}
    assert ours == ids
    assert all(re.fullmatch(r"WM[A-Z]\w+", name) for name in ids)


def test_the_page_lets_every_rate_be_typed(comfy: ComfyHost) -> None:
    nodes = {name: info for name, info in comfy.client.call("/object_info").items() if name.startswith("WM")}
    inputs = [{**info["input"].get("required", {}), **info["input"].get("optional", {})} for info in nodes.values()]
    rates = [spec["fps"][1] for spec in inputs if "fps" in spec]
    assert len(rates) >= 3
    for rate in rates:  # the page rounds to this many digits, see useFloatWidget
        digits = max(0, -math.floor(math.log10(rate["step"])))
        assert round(24000 / 1001, digits) == 23.976


def test_the_page_gets_each_of_our_scripts_once(comfy: ComfyHost) -> None:
    served = [path for path in comfy.client.call("/extensions") if "worldmodel" in path.lower()]
    scripts = (REPOSITORY / "web").rglob("*.js")
    assert sorted(served) == sorted(
        f"/extensions/{PACK}/{p.relative_to(REPOSITORY / 'web').as_posix()}" for p in scripts
    )


PROBE = """
import asyncio, importlib.util, json, os, sys, time
host, pack = sys.argv[1:]
sys.path.insert(0, host)
from comfy.cli_args import args
args.cpu = True
import torch, comfy.sd, comfy.samplers, comfy_execution.graph, folder_paths, nodes
import comfy_api.latest
state = lambda: (dict(os.environ), str(torch.get_default_dtype()), torch.get_num_threads(), torch.is_grad_enabled())
before, modules, acts = state(), set(sys.modules), []
def watch(event, details):
    if event.startswith("socket.") or event in ("os.mkdir", "os.rename", "os.remove", "subprocess.Popen"):
        acts.append([event, str(details)])
    if event == "open" and isinstance(details[1], str) and set(details[1]) & set("wax+"):
        acts.append([event, str(details)])
sys.dont_write_bytecode = True
async def load():
    sys.addaudithook(watch)
    began = time.process_time()
    spec = importlib.util.spec_from_file_location("probed_pack", os.path.join(pack, "__init__.py"))
    module = sys.modules["probed_pack"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    extension = await module.comfy_entrypoint()
    await extension.on_load()
    await extension.get_node_list()
    seconds, seen = time.process_time() - began, list(acts)
    return seconds, seen, sorted({name.split(".")[0] for name in set(sys.modules) - modules} - {"probed_pack"})
seconds, acts, new = asyncio.run(load())
print(json.dumps({"same": before == state(), "seconds": seconds, "acts": acts, "new": new}))
"""


def test_loading_the_pack_touches_nothing_and_imports_nothing_heavy(comfyui: Path) -> None:
    for folder in ("nodes", "worldmodel"):  # as it is from ComfyUI's second start on
        compileall.compile_dir(REPOSITORY / folder, quiet=1)
    command = [sys.executable, "-c", PROBE, str(comfyui), str(REPOSITORY)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=comfyui)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["seconds"] < 0.8  # of the processor; about 0.3 alone, more where another test shares the core
    assert report["same"], "the environment variables or torch's global settings changed"
    assert report["acts"] == [], "the pack wrote files or opened sockets while it was imported"
    assert set(report["new"]) <= sys.stdlib_module_names | {"worldmodel"}, report["new"]


def test_the_tooltip_of_an_editor_is_short(comfy: ComfyHost) -> None:
    """It lies over the editor while the pointer rests there, and what it does not say is in the help."""
    listed = comfy.client.call("/object_info")
    said = [listed[node]["input"] for node in ("WMActionTrack", "WMCameraPath")]
    inputs = {
        name: about[1] for one in said for group in one.values() for name, about in group.items() if len(about) > 1
    }
    tooltips = {name: about["tooltip"] for name, about in inputs.items() if "widgetType" in about}
    assert tooltips.keys() == {"track", "path"}
    assert all(len(text) < 90 for text in tooltips.values()), tooltips
