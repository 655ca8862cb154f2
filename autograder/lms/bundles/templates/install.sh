# Sourced by set-up scripts. install_grader BUNDLE ENVIRONMENT makes a virtual environment with all that grading needs
# in the folder ENVIRONMENT. The system's own Python stays as it is: a harness may use it.

usable_python() {
  "$1" -c '
import sys, sysconfig
sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 14) and sys.version_info.releaselevel == "final"))
' 2>/dev/null
}

find_python() {
  for name in ${AUTOGRADER_PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3; do
    if usable_python "$name"; then command -v "$name"; return; fi
  done
  return 1
}

install_grader() {
  local bundle=$1 environment=$2 python
  if [ -n "${AUTOGRADER_ENVIRONMENT:-}" ]; then
    # An environment that was built before, with the requirements in it.
    ln -sfn "$AUTOGRADER_ENVIRONMENT" "$environment"
  else
    if ! python=$(find_python) || ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      export DEBIAN_FRONTEND=noninteractive
      apt-get update -qq
      apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv python3-pip >/dev/null
      if ! python=$(find_python); then
        # The distribution's Python is too old: uv brings one of its own.
        python3 -m venv "$environment-uv"
        "$environment-uv/bin/pip" install --quiet uv
        UV_PYTHON_INSTALL_DIR=$environment-python "$environment-uv/bin/uv" python install --quiet 3.12
        python=$(UV_PYTHON_INSTALL_DIR=$environment-python "$environment-uv/bin/uv" python find 3.12)
      fi
    fi
    "$python" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --no-cache-dir --requirement "$bundle/requirements.txt"
  fi
  "$environment/bin/python" -m pip install --quiet --no-deps --no-build-isolation --no-index "$bundle/package"
  # The grader's own code is no submission's business; the libraries are.
  chmod -R go= "$environment"/lib/python*/site-packages/autograder
}
