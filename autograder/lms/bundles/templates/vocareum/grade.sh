#!/usr/bin/env bash
# Run for each submission. Grades are there from the first moment on: whatever ends this run, they are valid.
set -u
scripts=$(cd "$(dirname "$0")" && pwd)
environment=${AUTOGRADER_HOME:-/opt/autograder}/environment

leave() {
  cat "$scripts/$1.csv" > "$vocareumGradeFile"
  cat "$scripts/$1.html" > "$vocareumReportFile"
}

leave failed
. "$scripts/protect.sh"
protect_grader "$scripts"
if [ ! -x "$environment/bin/python" ]; then bash "$scripts/setup.sh"; fi
# Python looks for modules in the working folder: never in one that a student filled.
cd "$scripts" || exit 0
timeout --kill-after=5 {{ settings.stop_seconds }} \
  "$environment/bin/python" -I -m autograder.lms.bundles.run vocareum "$scripts" "$(dirname "$scripts")"
status=$?
# 124: it was ended by timeout; 137: it had to be killed, by timeout or for want of memory.
if [ "$status" = 124 ]; then leave too_long; fi
echo "exit status $status"
exit 0
