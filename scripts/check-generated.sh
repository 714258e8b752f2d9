#!/usr/bin/env bash
# Fails when proto/gen is not what proto/ generates, and shows the difference.
set -euo pipefail
cd "$(dirname "$0")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
scripts/generate.sh "$fresh"
if ! diff -r "$fresh/proto/gen" proto/gen; then
  echo 'proto/gen is not up to date: run "npm run gen" and commit the result' >&2
  exit 1
fi
