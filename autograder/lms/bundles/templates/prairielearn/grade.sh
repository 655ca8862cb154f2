#!/usr/bin/env bash
# Run as root for each submission. Results are there from the first moment on: whatever ends this run, they are valid.
# The exit status is always 0: PrairieLearn reads no results after another one.
set -u
root=${AUTOGRADER_ROOT:-/grade}
environment=${AUTOGRADER_HOME:-/opt/autograder}/environment
umask 077

leave() {
  mkdir -p "$root/results"
  cp "$root/tests/$1" "$root/results/.results.json.part"
  mv -f "$root/results/.results.json.part" "$root/results/results.json"
}

leave failed.json
. "$root/tests/protect.sh"
protect_grader "$root/tests"
# Python looks for modules in the working folder: never in one that a student filled.
cd "$root/tests" || exit 0
timeout --kill-after=5 {{ settings.stop_seconds }} \
  "$environment/bin/python" -I -m autograder.lms.bundles.run prairielearn "$root/tests" "$root"
status=$?
# 124: it was ended by timeout; 137: it had to be killed, by timeout or for want of memory.
if [ "$status" = 124 ]; then leave too_long.json; fi
exit 0
