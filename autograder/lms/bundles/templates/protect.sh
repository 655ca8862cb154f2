# Sourced by the scripts that set up or grade. protect_grader BUNDLE closes to submissions what tier uid has to rely on.
# AUTOGRADER_SHARED_HOST says that this machine is no container of its own: its common folders stay as they are.

protect_grader() {
  # Hidden tests, answers, hidden data and the secret: for root alone.
  chmod -R go= "$1"
  chmod 600 "$1/course/.autograder/secret"
  # Folders that everybody may write, such as /tmp: closed to the group of workers, and to nobody else.
  if [ "$(id -u)" = 0 ] && [ -z "${AUTOGRADER_SHARED_HOST:-}" ]; then
    find / -maxdepth {{ depth }} \( -path /proc -o -path /sys \) -prune -o -type d -perm -0002 \
      -exec chgrp {{ group }} {} + -exec chmod g=x {} + 2>/dev/null || true
  fi
}
