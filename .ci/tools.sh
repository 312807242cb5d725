#!/bin/sh
# Brings what `npm run test:runtimes` needs: Deno, Bun and a driver of browsers from npm, the clients of Jupyter and of the Hugging Face hub
# from PyPI, of the versions in .ci/tools, and Chromium; nats-server and nginx, without which tests of a queue and of replicas behind nginx are skipped. What is
# there already stays. Not sglang-router, which is 146 MB: where `smg` is on the PATH, its tests run.
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

for program in nats-server nginx chromium; do
  if command -v "$program" >/dev/null 2>&1; then
    say "$program is installed"
    continue
  fi
  if ! can_install; then
    say "install the command $program; as root on Debian this does it" >&2
    exit 1
  fi
  say "installing $program"
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$program"
done
