#!/usr/bin/env bash
# Fails when proto/ breaks what the last commit on main promised. The commit is main's tip, or the one before
# it when that is what is checked out with nothing changed. BREAKING_BASE names another one.
#
# The base is read with `git archive`: `buf breaking --against .git#ref=…` clones, which a shallow clone and a
# worktree refuse.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

skip() {
  echo "SKIPPED: buf breaking: $1" >&2
  exit 0
}

commit() { git rev-parse --verify --quiet "$1^{commit}"; }

head=$(commit HEAD) || skip 'not a git checkout with a commit'
if [ -n "${BREAKING_BASE:-}" ]; then
  base=$(commit "$BREAKING_BASE") || { echo "BREAKING_BASE: no commit $BREAKING_BASE" >&2; exit 1; }
else
  base=$(commit refs/remotes/origin/main || commit refs/heads/main || echo "$head")
  if [ "$base" = "$head" ] && git diff --quiet HEAD -- proto; then
    base=$(commit HEAD~1) || skip 'no commit before this one (a first commit, or a clone of depth 1)'
  fi
fi
git cat-file -e "$base:proto" 2>/dev/null || skip "commit ${base:0:12} has no proto/"

before=$(mktemp -d)
trap 'rm -rf "$before"' EXIT
git archive "$base" proto buf.yaml | tar -x -C "$before"
buf breaking --against "$before"
