#!/usr/bin/env bash
# Runs one command of batchspec as the action wants it: `run.sh validate|plan|apply`.
#
# From the environment: SPEC; SETTINGS, NAME=VALUE one a line; for apply PLAN_ID and DETACH.
# BATCHSPEC_TARGET decides where to work; without it, Azure.
set -euo pipefail

batchspec="${BATCHSPEC:-$RUNNER_TEMP/batchspec/bin/batchspec}"
target="${BATCHSPEC_TARGET:-azure}"

settings=()
while IFS= read -r line; do
  if [[ -n "$line" ]]; then settings+=("--set=$line"); fi
done <<<"${SETTINGS:-}"

validate() {
  exec "$batchspec" validate --format=github "${settings[@]}" -- "$SPEC"
}

# Leaves the plan as Markdown in a file; the step's outputs are `file`, `changes` and `plan-id`.
plan() {
  local file status=0 id
  file="$(mktemp "$RUNNER_TEMP/plan-XXXXXX.md")"
  "$batchspec" plan --target="$target" --format=markdown --detailed-exitcode "${settings[@]}" -- "$SPEC" >"$file" || status=$?
  if [[ -s "$file" ]]; then
    id="$(sed -n -e '/^<details>/q' -e 's/^plan id `\([0-9a-f]*\)`$/\1/p' "$file" | tail -n 1)"
    printf '%s\n' "file=$file" "plan-id=$id" "changes=$([[ $status == 2 ]] && echo true || echo false)" >>"$GITHUB_OUTPUT"
    cat "$file" >>"$GITHUB_STEP_SUMMARY"
  fi
  if [[ $status == 2 ]]; then status=0; fi # there are changes, which is no failure
  return "$status"
}

apply() {
  local words=(--target="$target" --plan-id="$PLAN_ID")
  if [[ "${DETACH:-}" == true ]]; then words+=(--detach); fi
  exec "$batchspec" apply "${words[@]}" "${settings[@]}" -- "$SPEC"
}

case "${1:-}" in
  validate | plan | apply) "$1" ;;
  *)
    echo "usage: run.sh validate|plan|apply" >&2
    exit 64
    ;;
esac
