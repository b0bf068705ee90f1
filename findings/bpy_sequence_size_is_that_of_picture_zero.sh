#!/usr/bin/env bash
# Blender as a module: the size of an image sequence is that of its picture number 0, which no scene shows.
#
# Seen with bpy 4.2.23 and 5.0.1 (Python 3.11, Linux), 2026-12-01: pictures 4, 5 and 6 of 6 x 4 pixels, the first of them
# opened with bpy.data.images.load() and made a SEQUENCE: Image.size is (0, 0), also with a picture 1 beside them, from
# which Blender counts, and after reload(). With a picture 0 beside them it is (6, 4). As a FILE it is (6, 4) throughout.
# Who fits a camera or a plane to a sequence that begins elsewhere takes the size of one of its pictures, opened alone.
# Fails if that changes. PYTHON names another Python 3.11; about 700 MB are downloaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.py" <<'PROBE'
import pathlib
import sys

import bpy

folder = pathlib.Path(sys.argv[1])
folder.mkdir()


def write(*numbers):
    for number in numbers:
        made = bpy.data.images.new("made", 6, 4)
        made.filepath_raw, made.file_format = str(folder / f"frame_{number:06}.png"), "PNG"
        made.save()
        bpy.data.images.remove(made)


def size(source):
    shown = bpy.data.images.load(str(folder / "frame_000004.png"))
    shown.source = source
    shown.reload()
    found = tuple(shown.size)
    bpy.data.images.remove(shown)
    return found


write(4, 5, 6)
alone, bare = size("FILE"), size("SEQUENCE")
write(1)
with_one = size("SEQUENCE")
write(0)
with_zero = size("SEQUENCE")
print(f"bpy {bpy.app.version_string}: a file {alone}, a sequence {bare}, with picture 1 {with_one}, with 0 {with_zero}")
assert alone == with_zero == (6, 4) and bare == with_one == (0, 0)
PROBE
for version in 4.2.23 5.0.1; do
    "${PYTHON:-python3.11}" -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "bpy==$version"
    "$folder/$version/bin/python" "$folder/probe.py" "$folder/pictures-$version"
done
