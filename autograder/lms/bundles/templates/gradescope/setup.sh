#!/usr/bin/env bash
# Run once, as root, when Gradescope builds the image.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}
. "$root/source/install.sh"
. "$root/source/protect.sh"
install_grader "$root/source" "$root/environment"
protect_grader "$root/source"
