#!/bin/sh
# Installs mesa-drm-shim, with which `npm run test:isa` compiles for GPUs that are not there. An ordinary setup does without
# it. The shim must be of the version of Mesa's drivers, so both come from the same place.
set -eu
cd "$(dirname "$0")/.."
etc_apt=/etc/apt

say() { printf 'setup: %s\n' "$*"; }

if dpkg --status mesa-drm-shim >/dev/null 2>&1; then
  say 'mesa-drm-shim is installed'
  exit
fi
ID='' VERSION_ID=''
[ ! -r /etc/os-release ] || . /etc/os-release
if [ "$ID $VERSION_ID" != 'debian 12' ] || [ "$(id -u)" != 0 ]; then
  say "install mesa-drm-shim of the version of your mesa-vulkan-drivers, 25 or newer; as root on Debian 12 this does it" >&2
  exit 1
fi
say "installing mesa-drm-shim from $VERSION_CODENAME-backports"
sh .setup/backports.sh "$etc_apt" "$VERSION_CODENAME" mesa-drm-shim mesa-vulkan-drivers libvulkan1
