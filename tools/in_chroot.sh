#!/usr/bin/env bash
# Runs a command in a Debian root of its own, as root or as a plain user: for tests of the tiers of isolation.
#
#   tools/in_chroot.sh ROOT [--user] COMMAND...
#
# ROOT is made with debootstrap where it doesn't exist. It gets a copy of this course, closed to other users than root
# (or given to the plain user), and this environment's Python, which everybody there can read. Needs root.
# The tests, in tier uid:  AUTOGRADER_TIERS=uid tools/in_chroot.sh ROOT .venv/bin/python -m pytest tests/test_session.py
set -euo pipefail
root=$1; shift
user=root
if [ "$1" = --user ]; then user=student; shift; fi
course=$(cd "$(dirname "$0")/.." && pwd)
prefix=$("$course/.venv/bin/python" -c 'import sys; print(sys.base_prefix)')
site=$("$course/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
workers=$("$course/.venv/bin/python" -c 'from autograder.sandbox.isolation import identity as i; print(i.GROUP)')
numpy=$("$course/.venv/bin/python" -c 'from autograder.sandbox.isolation import identity as i; print(i.NUMPY_GROUP)')

[ -d "$root/usr" ] || debootstrap --variant=minbase --include=bubblewrap stable "$root" >/dev/null
chroot "$root" id student >/dev/null 2>&1 || chroot "$root" useradd --create-home student
mkdir -p "$root$prefix" "$root$course/.venv"
for above in "$prefix" "$course"; do
  while [ "$above" != / ]; do chmod o+rx "$root$above"; above=$(dirname "$above"); done
done
find "$root$course" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
git -C "$course" ls-files -z --cached --others --exclude-standard | tar -C "$course" --null -T - -c | tar -C "$root$course" -x
find "$root$course" -mindepth 1 -maxdepth 1 ! -name .venv -exec chown -R "$(chroot "$root" id -u $user)" {} + \
  -exec chmod -R go-rwx {} +
# What tier uid asks for: workers can't make files where everybody else can, nor import torch where NumPy alone counts.
chgrp "$workers" "$root/tmp" "$root/var/tmp" "$root/run/lock"
chmod 1717 "$root/tmp" "$root/var/tmp" "$root/run/lock"
for name in torch torchvision torchgen functorch nvidia triton sympy mpmath; do
  [ -e "$site/$name" ] && chgrp "$numpy" "$site/$name" && chmod g-rwx "$site/$name"
done

[ "$user" = root ] || set -- runuser -u "$user" -- env HOME=/home/student "$@"
# Bubblewrap changes the root for good; in a mere chroot the kernel gives nobody namespaces.
exec bwrap --die-with-parent --cap-add ALL --unshare-pid --bind "$root" / --ro-bind "$prefix" "$prefix" \
  --bind "$course/.venv" "$course/.venv" --proc /proc --dev /dev --perms 1717 --tmpfs /dev/shm \
  --clearenv --setenv HOME /root --setenv PATH /usr/bin:/bin:/usr/sbin:/sbin \
  --setenv AUTOGRADER_TIERS "${AUTOGRADER_TIERS:-auto}" --chdir "$course" -- \
  sh -c "chgrp $workers /dev/shm /dev/mqueue 2>/dev/null; umask 022; exec \"\$@\"" -- "$@"
