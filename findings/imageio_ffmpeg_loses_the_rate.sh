#!/usr/bin/env bash
# imageio-ffmpeg: the frame rate it reports is read off ffmpeg's printed line: 1000 fps becomes 0, 24000/1001 is 23.98.
#
# Seen with imageio-ffmpeg 0.8.1 (Python 3.11, Linux), 2026-11-30: ffmpeg writes 1000 frames a second
# as "1k fps", and read_frames' metadata then says fps 0 for a film of 30 frames (999 and 1200 are right); a rate that
# is no whole number has two decimals, so that a walk filmed at 24000/1001 and timed by that figure is a frame off after
# four minutes. Whoever times poses by it divides by zero, or drifts: the header of ffmpeg's yuv4mpegpipe has the fraction.
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet imageio-ffmpeg==0.8.1
cat > "$folder/probe.py" <<'PROBE'
import subprocess
import sys

import imageio_ffmpeg

found = {}
for rate in ("999", "1000", "1200", "24000/1001"):
    path = f"{sys.argv[1]}/film_{rate.replace('/', '_')}.mp4"
    source = ["-f", "lavfi", "-i", f"testsrc=size=64x48:rate={rate}", "-frames:v", "30"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, "-c:v", "libx264", path], check=True)
    frames = imageio_ffmpeg.read_frames(path)
    found[rate] = next(frames)["fps"], sum(1 for _ in frames)
print(f"imageio-ffmpeg {imageio_ffmpeg.__version__}: rate and frames read {found}")
assert found == {"999": (999.0, 30), "1000": (0, 30), "1200": (1200.0, 30), "24000/1001": (23.98, 30)}
PROBE
"$folder/venv/bin/python" "$folder/probe.py" "$folder"
