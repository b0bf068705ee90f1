#!/usr/bin/env bash
# torchrun (torch.distributed.run): a training script's own option --run is refused by the launcher, though it stands behind
# the script's name; so are others that begin like one of the launcher's, as --log and --no.
#
# Seen with torch 2.11.0 (Python 3.11, Linux), 2026-12-01:
#   torchrun probe.py --run here      status 2, "error: ambiguous option: --run could match --run-path, --run_path"
#   torchrun -- probe.py --run here   status 0, the script is given ['--run', 'here']
#   torchrun probe.py --walk here     status 0, the script is given ['--walk', 'here']
# The launcher leaves abbreviated options on in argparse, which looks at every word before it knows where the script's own
# begin. `--` in front of the script ends that; nothing in the message says so.
# Fails if that changes. PYTHON names another Python 3.11; about 3 GB are downloaded.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
echo 'import sys; print(sys.argv[1:])' > "$folder/probe.py"
"${PYTHON:-python3.11}" -m venv "$folder/environment"
"$folder/environment/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.4.6
launch() {
  "$folder/environment/bin/python" -m torch.distributed.run --standalone --nproc-per-node 1 "$@" > "$folder/said" 2>&1 \
    && status=0 || status=$?
}
expect() {
  echo "$1: status $status, $(grep -E "$3" "$folder/said" || tail -n 1 "$folder/said")"
  [ "$status" = "$2" ] && grep -qE "$3" "$folder/said"
}
launch "$folder/probe.py" --run here
expect "--run behind the script" 2 "ambiguous option: --run could match"
launch -- "$folder/probe.py" --run here
expect "-- before the script" 0 "\['--run', 'here'\]"
launch "$folder/probe.py" --walk here
expect "--walk behind the script" 0 "\['--walk', 'here'\]"
for name in --log --no; do
  launch "$folder/probe.py" "$name" here
  expect "$name behind the script" 2 "ambiguous option: $name could match"
done
