#!/usr/bin/env bash
# Blender as a module: keyframe_insert() from Python ignores the preference for new keys' interpolation.
#
# Seen with bpy 4.2.23 and 5.0.1 (Python 3.11, Linux), 2026-11-30, and likewise with 4.5.15 and 5.3.0:
#   preferences.edit.keyframe_new_interpolation_type is LINEAR, and every key that is then inserted is BEZIER.
# So a camera that is set frame by frame leaves its way between the frames, where motion blur looks: at frame 2.5 of the
# keys 1, 4, 9 the camera is at 7.25 and not at 6.5. Set `interpolation` on the keys themselves.
# Fails if that changes. PYTHON names another Python 3.11; about 700 MB are downloaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/probe.py" <<'PROBE'
import bpy

bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
scene, camera = bpy.context.scene, bpy.context.scene.camera
for frame in (1, 2, 3):
    camera.location.x = frame * frame
    camera.keyframe_insert("location", index=0, frame=frame)
action = camera.animation_data.action
if hasattr(action, "fcurves"):
    curves = list(action.fcurves)
else:
    curves = [c for layer in action.layers for strip in layer.strips for bag in strip.channelbags for c in bag.fcurves]
kinds = {key.interpolation for curve in curves for key in curve.keyframe_points}
between = curves[0].evaluate(2.5)
for curve in curves:
    for key in curve.keyframe_points:
        key.interpolation = "LINEAR"
asked = bpy.context.preferences.edit.keyframe_new_interpolation_type
print(f"bpy {bpy.app.version_string}: asked {asked}, keys {sorted(kinds)}, "
      f"at 2.5 {between:.3f}, linear {curves[0].evaluate(2.5):.3f}")
assert asked == "LINEAR" and kinds == {"BEZIER"} and abs(between - 6.5) > 0.01
PROBE
for version in 4.2.23 5.0.1; do
    "${PYTHON:-python3.11}" -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet "bpy==$version"
    "$folder/$version/bin/python" "$folder/probe.py"
done
