"""Runs a script that ends when the process that started it does, however that ended.

    python tethered.py main.py --port 8188      with a pipe on its standard input, which nobody writes to

The pipe closes with the process that holds its other end, also when that is killed. Stands alone: it is run by its
path, in the host's folder.
"""

import os
import runpy
import signal
import sys
import threading
from pathlib import Path


def _end_with(pipe: int) -> None:
    while os.read(pipe, 4096):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Watch the pipe and run the script that the first argument names."""
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # the script and what it starts read nothing
    os.close(nothing)
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).resolve().parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
