#!/bin/sh
# Makes a fresh machine ready: the npm packages, tmux for one of the tests, then a Vulkan driver in software where no WebGPU adapter answers.
# What is there already stays: a second run changes nothing.
set -eu
cd "$(dirname "$0")/.."
etc_apt=/etc/apt
node=node_modules/.bin/node

say() { printf 'setup: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}

# A copy of the lock file inside node_modules says what was installed and found to work; npm ci removes it before it starts.
install_packages() {
  stamp=node_modules/.installed-lock.json
  if cmp -s package-lock.json "$stamp" && packages_work; then
    say 'npm packages are in step with the lock file'
    return
  fi
  npm ci --loglevel=error # no warning of an older Node: scripts run on the one in node_modules
  packages_work || fail "$node does not run, or can't load webgpu: npm must run the install scripts named in package.json"
  cp package-lock.json "$stamp.new"
  mv "$stamp.new" "$stamp"
}

# The two that bring binaries along.
packages_work() { "$node" --eval 'import("webgpu")' >/dev/null 2>&1; }

# Prints the adapter, or why there is none, without the warnings of the Vulkan loader.
probe() { "$node" .setup/probe.mjs 2>/dev/null; }

install_packages
sh .setup/tmux.sh

if adapter=$(probe); then
  say "$adapter"
  exit
fi
say "${adapter%%;*}" # behind the semicolon it recommends setup

hidden=${VK_DRIVER_FILES:+VK_DRIVER_FILES}
hidden=${hidden:-${VK_ICD_FILENAMES:+VK_ICD_FILENAMES}}
[ -z "$hidden" ] || fail "$hidden is set and hides the installed drivers: unset it and run setup again"

ID='' VERSION_ID=''
[ ! -r /etc/os-release ] || . /etc/os-release
if [ "$ID $VERSION_ID" != 'debian 12' ] || [ "$(id -u)" != 0 ]; then
  fail "install your GPU's Vulkan driver, or Mesa 25 or newer for a software one (apt: mesa-vulkan-drivers libvulkan1," \
    "on Debian 12 from bookworm-backports; dnf: mesa-vulkan-drivers vulkan-loader; pacman: vulkan-swrast" \
    "vulkan-icd-loader), and run setup again; as root on Debian 12 setup does it itself"
fi

# Debian 12's own Mesa is too old for Dawn; the one in its backports is not.
say "installing Mesa's software Vulkan driver from $VERSION_CODENAME-backports"
sh .setup/backports.sh "$etc_apt" "$VERSION_CODENAME" mesa-vulkan-drivers libvulkan1
adapter=$(probe) || fail "the driver is installed, but ${adapter%%;*}"
say "$adapter"
