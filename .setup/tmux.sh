#!/bin/sh
# Installs tmux, in which a test types to `roseinfer chat`. Where that can't be, the test says so and is left out: nothing else needs it.
set -eu

say() { printf 'setup: %s\n' "$*"; }

if tmux -V >/dev/null 2>&1; then
  say 'tmux is installed, for a test of roseinfer chat'
elif [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  say 'there is no tmux: the test of roseinfer chat in a terminal is left out until you install it'
else
  say 'installing tmux'
  apt-get update || :
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends tmux ||
    say 'apt could not install tmux: the test of roseinfer chat in a terminal is left out'
fi
