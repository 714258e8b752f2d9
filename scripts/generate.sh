#!/usr/bin/env bash
# Generates proto/gen from proto/: the TypeScript, and the descriptor set that the server's reflection answers
# from. `scripts/generate.sh DIR` writes DIR/proto/gen instead.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"

buf generate --output "${1:-.}"
buf build --exclude-source-info --as-file-descriptor-set --output "${1:-.}/proto/gen/descriptor-set.binpb"
