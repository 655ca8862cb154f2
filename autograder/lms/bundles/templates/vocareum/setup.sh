#!/usr/bin/env bash
# Makes the environment that grade.sh uses. Run it as root when the lab's image is built, with the network at hand.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
. "$scripts/install.sh"
. "$scripts/protect.sh"
mkdir -p "${AUTOGRADER_HOME:-/opt/autograder}"
install_grader "$scripts" "${AUTOGRADER_HOME:-/opt/autograder}/environment"
protect_grader "$scripts"
