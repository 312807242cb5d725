#!/bin/sh
# Brings what `npm run test:runtimes` needs and nothing else does: Deno, Bun and a driver of browsers from npm, the clients of Jupyter and of
# the Hugging Face hub from PyPI, of the versions in .ci/tools, and Chromium. What is there already stays.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'tools: %s\n' "$*"; }

stamp=.ci/tools/node_modules/.installed-lock.json
if ! cmp -s .ci/tools/package-lock.json "$stamp"; then
  npm ci --prefix .ci/tools --loglevel=error
  cp .ci/tools/package-lock.json "$stamp"
fi
say 'deno, bun and playwright-core are in .ci/tools'

can_install() { command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; }

python=.ci/tools/python
stamp=$python/.installed-requirements.txt
if ! cmp -s .ci/tools/requirements.txt "$stamp"; then
  rm -rf "$python"
  if ! python3 -m venv "$python" 2>/dev/null; then
    can_install || { say 'install Python 3 with its module venv' >&2; exit 1; }
    say 'installing python3-venv'
    apt-get update
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv
    python3 -m venv "$python"
  fi
  "$python/bin/pip" install --quiet --disable-pip-version-check -r .ci/tools/requirements.txt
  cp .ci/tools/requirements.txt "$stamp"
fi
say "the clients of Jupyter and of the Hugging Face hub are in $python"

if command -v chromium >/dev/null 2>&1; then
  say 'chromium is installed'
  exit
fi
if ! can_install; then
  say 'install Chromium, with the command chromium; as root on Debian this does it' >&2
  exit 1
fi
say 'installing chromium'
apt-get update
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium
