#!/bin/sh
# apt-source.sh ETC_APT SUITE NEW_SUITE
# Prints the first active source of SUITE's binary packages in section main under ETC_APT, rewritten for NEW_SUITE: same
# address, keys and format (deb822, else one line). Prints nothing when there is none.
set -eu
etc_apt=$1 suite=$2 new_suite=$3

entry=$(
  awk -v suite="$suite" -v new_suite="$new_suite" '
    BEGIN { RS = ""; FS = "\n" } # one record per entry, one field per line
    {
      split("", value)
      kept = ""
      for (i = 1; i <= NF; i++) {
        line = $i
        if (line ~ /^#/) continue
        if (line ~ /^[^ \t]/) { # else it continues the field above
          field = tolower(substr(line, 1, index(line, ":") - 1))
          line = substr(line, index(line, ":") + 1)
        }
        gsub(/[ \t]+/, " ", line)
        value[field] = value[field] " " line " "
        if (field !~ /^(types|suites|components|enabled)$/) kept = kept "\n" $i
      }
      if (value["types"] !~ / deb / || value["enabled"] ~ / no /) next
      if (!index(value["suites"], " " suite " ") || value["components"] !~ / main /) next
      print "Types: deb\nSuites: " new_suite "\nComponents: main" kept
      exit
    }' "$etc_apt"/sources.list.d/*.sources 2>/dev/null || :
)
if [ -n "$entry" ]; then
  printf '%s\n' "$entry"
  exit
fi

# deb [options] address suite section…
blank='[[:space:]]'
cat "$etc_apt"/sources.list "$etc_apt"/sources.list.d/*.list 2>/dev/null |
  sed -n -E "s/^$blank*deb$blank+(\[[^]]*\]$blank+)?([^[:space:]#]+)$blank+$suite$blank+([^#]*$blank)?main($blank.*|#.*)?$/deb \1\2 $new_suite main/p" |
  grep -v ' cdrom:' | head -n 1
