#!/usr/bin/env bash
# package.sh [FILE...]: pack what an image needs of the committed code into build/recognition.tar.gz, beside this file.
# Along go a file of PyTorch weights (.pth) or an exported network (.onnx), without which the bake downloads
# torchvision's; and the file in which `python -m workers verify` noted which precisions it admits (.json). What isn't
# committed isn't packed.
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
