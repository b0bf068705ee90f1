"""Playing in a ComfyUI from a program: a session over HTTP and one WebSocket, as docs/playing.md has it; without torch.

    from worldmodel.client import Play

    with Play("127.0.0.1:8188", graph) as play:     # graph: in API form, with one Play World in it
        step = play.step("forward*9")               # a chunk: step.frames (F, H, W, 3) uint8
        here = play.save()
        play.step("yaw_right(2)*12")
        play.fork(here)

play        a session
websocket   its connection, with Python's own library alone
gym         environments of Gymnasium, an optional extra: pip install '.[gym]' in the pack's folder
"""

from .play import Ended, Play, PlayError, Step
from .websocket import Closed

__all__ = ["Closed", "Ended", "Play", "PlayError", "Step"]
