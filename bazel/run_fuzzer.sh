#!/bin/bash
# Runs one fuzzer, as a test.
#
#   run_fuzzer.sh PROGRAM --fuzz|--play [DICTIONARY] -- SEED... [-OPTION...]
#
# --fuzz starts from the seeds and looks for inputs that end the program, hang
# it or eat its memory; what it finds is printed in base64. The same seed of
# chance each time, so that a red run can be had again. Options are libFuzzer's
# and come last:
#
#   bazel test --config=fuzz --test_arg=-max_total_time=600 \
#     --test_arg=-seed=7 //jobs:spec_fuzz
set -uo pipefail

program=$1
mode=$2
shift 2
options=(-seed=1 -max_total_time=8 -timeout=20 -rss_limit_mb=1024
  -print_final_stats=1)
if [ "$1" != -- ]; then
  options+=("-dict=$1")
  shift
fi
shift
seeds=()
for argument in "$@"; do
  case $argument in
    -*) options+=("$argument") ;;
    *) seeds+=("$argument") ;;
  esac
done
if [ ${#seeds[@]} = 0 ]; then
  echo "$program has no seeds: a fuzzer starts from examples" >&2
  exit 2
fi

if [ "$mode" = --play ]; then
  exec "$program" "${seeds[@]}"
fi

work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/fuzz.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/seeds" "$work/found"
# Numbered: files of two folders may have one name.
for i in "${!seeds[@]}"; do
  cp -L "${seeds[$i]}" "$work/seeds/$i" || exit 2
done
code=0
"$program" "${options[@]}" "-artifact_prefix=$work/found/" "$work/seeds" \
  >"$work/log" 2>&1 || code=$?
found=$(find "$work/found" -type f)
if [ $code = 0 ] && [ -z "$found" ]; then
  # Something was tried, or this is a check that cannot fail.
  if ! grep -E "^stat::number_of_executed_units: +[1-9]" "$work/log"; then
    cat "$work/log" >&2
    exit 1
  fi
  exit 0
fi
tail -n 100 "$work/log"
for file in $found; do
  echo "$(basename "$file"), $(stat -c %s "$file") bytes, first in base64:"
  head -c 65536 "$file" | base64
done
echo "Put it among the seeds of this fuzzer once it is mended."
exit 1
