#!/usr/bin/env bash
# Generates proto/gen from proto/. `scripts/generate.sh DIR` writes DIR/proto/gen instead.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

buf generate --output "${1:-.}"
