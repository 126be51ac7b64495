#!/usr/bin/env bash
# What mpirun takes for ssh: runs a command on one of the machines that twoMachines.ts has made.
# Usage: MACHINES=NAME netnsAgent.sh ADDRESS COMMAND...
set -euo pipefail
machine="$MACHINES-${1##*.}"
shift
exec ip netns exec "$machine" unshare --uts bash -c "hostname $machine; $*"
