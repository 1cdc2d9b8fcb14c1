#!/usr/bin/env bash
# package.sh [WEIGHTS]: pack what an image needs of the committed code into build/recognition.tar.gz, beside this file.
# WEIGHTS, a file of PyTorch weights (.pth) or an exported network (.onnx), goes along; without it the bake downloads
# torchvision's. What isn't committed isn't packed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(git -C "$here" rev-parse --show-toplevel)
archive=$here/build/recognition.tar.gz

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git -C "$root" archive HEAD -- manage.py project classify_app workers requirements samples infra/ami | tar -x -C "$folder"
git -C "$root" rev-parse HEAD >"$folder/REVISION"
mkdir "$folder/models"
case ${1:-} in
  "") ;;
  *.pth) cp "$1" "$folder/models/weights.pth" ;;
  *.onnx) cp "$1" "$folder/models/model.onnx" ;;
  *)
    echo "package.sh: $1 is neither .pth nor .onnx" >&2
    exit 1
    ;;
esac
mkdir -p "$here/build"
tar -czf "$archive" --owner=0 --group=0 -C "$folder" .
echo "$archive: commit $(cut -c 1-12 "$folder/REVISION"), $(du -h "$archive" | cut -f 1)"
