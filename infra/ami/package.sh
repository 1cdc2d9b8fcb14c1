#!/usr/bin/env bash
# package.sh [FILE...]: pack the committed code that an image needs into build/recognition.tar.gz, next to this script.
# FILE may be PyTorch weights (.pth) or an exported network (.onnx); without either, the bake downloads torchvision's
# weights. It may also be the file that `python -m workers verify` has written (.json). Uncommitted code isn't packed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
archive=$here/build/recognition.tar.gz

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git -C "$root" archive HEAD -- manage.py project classify_app workers requirements samples infra/ami | tar -x -C "$folder"
git -C "$root" rev-parse HEAD >"$folder/REVISION"
mkdir "$folder/models"
for file in "$@"; do
  case $file in
    *.pth) cp "$file" "$folder/models/weights.pth" ;;
    *.onnx) cp "$file" "$folder/models/model.onnx" ;;
    *.json) cp "$file" "$folder/models/verified.json" ;;
    *)
      echo "package.sh: $file is neither .pth nor .onnx nor .json" >&2
      exit 1
      ;;
  esac
done
mkdir -p "$here/build"
tar -czf "$archive" --owner=0 --group=0 -C "$folder" .
echo "$archive: commit $(cut -c 1-12 "$folder/REVISION"), $(du -h "$archive" | cut -f 1)"
