#!/bin/sh
# backports.sh ETC_APT CODENAME PACKAGE…
# Installs packages from the backports of a Debian release, whose source is added under ETC_APT where it is missing. A
# source that apt can't use is taken back, so that the next run adds it again.
set -eu
etc_apt=$1 codename=$2
shift 2
suite=$codename-backports
file=

say() { printf 'setup: %s\n' "$*"; }
fail() {
  say "$*" >&2
  exit 1
}
give_up() {
  [ -z "$file" ] || rm -f "$file"
  fail "apt could not install $*: its message is above; run setup again when that is mended"
}

if [ -z "$(sh .setup/apt-source.sh "$etc_apt" "$suite" "$suite")" ]; then
  entry=$(sh .setup/apt-source.sh "$etc_apt" "$codename" "$suite")
  case $entry in
    '') fail "no apt source for $codename main: add one for $suite by hand and run setup again" ;;
    deb\ *) file=$etc_apt/sources.list.d/roseinfer-backports.list ;;
    *) file=$etc_apt/sources.list.d/roseinfer-backports.sources ;;
  esac
  say "adding $file"
  printf '%s\n' "$entry" >"$file" || give_up "$@"
fi
# An interrupted installation that is left half done would stop this one.
dpkg --configure -a || :
apt-get update || give_up "$@"
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -t "$suite" "$@" || give_up "$@"
