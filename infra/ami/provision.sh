#!/usr/bin/env bash
# provision.sh worker|web ARCHIVE: set up this machine, a fresh Amazon Linux 2023, as an image. Runs once, as root.
# Environment: PYTHON_VERSION; for a worker also MODEL, ENGINE (torch or onnx), GPU (true or false) and TORCH_CPU_INDEX.
# The web image also serves the flower tier.
set -euo pipefail

tier=$1
archive=$2
home=/opt/recognition
python=$home/venv/bin/python
sample=$home/samples/coffee.png

step() { printf '\n== %s\n' "$*"; }

install_packages() {
  dnf install --assumeyes --quiet "python$PYTHON_VERSION" "python$PYTHON_VERSION-pip" amazon-cloudwatch-agent logrotate
}

unpack() {
  useradd --system --user-group --home-dir "$home" --no-create-home --shell /sbin/nologin recognition
  mkdir "$home"
  tar -xzf "$archive" -C "$home" --no-same-owner
  # Root's umask may hide files from other users; the services must be able to read the code.
  chmod -R u=rwX,go=rX "$home"
  install -d -m 0755 /etc/recognition /var/log/recognition
}

make_venv() { # FOLDER REQUIREMENTS
  "python$PYTHON_VERSION" -m venv "$1"
  local pip=("$1/bin/pip" install --no-cache-dir --disable-pip-version-check --quiet --no-deps)
  if [[ $2 == worker.txt || $2 == export.txt ]]; then
    if [[ $GPU == true ]]; then
      "${pip[@]}" -r "$home/requirements/torch.txt"
    else
      "${pip[@]}" --index-url "$TORCH_CPU_INDEX" -r "$home/requirements/torch-cpu.txt"
    fi
  fi
  "${pip[@]}" -r "$home/requirements/$2"
}

# The image's own environment. The worker reads it first; the instance's environment overrides it.
write_image_environment() {
  {
    echo "TORCH_HOME=$home/models"
    echo "MODEL=$MODEL"
    echo "ENGINE=$ENGINE"
    if [[ $ENGINE == onnx ]]; then
      echo "ONNX_MODEL=$home/models/model.onnx"
    elif [[ -e $home/models/weights.pth ]]; then
      echo "MODEL_WEIGHTS=$home/models/weights.pth"
    fi
    if [[ -e $home/models/verified.json ]]; then echo "VERIFIED_FILE=$home/models/verified.json"; fi
  } >"$home/image.env"
}

export_network() {
  if [[ -e $home/models/model.onnx ]]; then return; fi
  local throwaway weights=""
  throwaway=$(mktemp -d)
  if [[ -e $home/models/weights.pth ]]; then weights=$home/models/weights.pth; fi
  make_venv "$throwaway/venv" export.txt
  (cd "$home" && TORCH_HOME=$throwaway MODEL=$MODEL MODEL_WEIGHTS=$weights \
    "$throwaway/venv/bin/python" -m workers export models/model.onnx)
  rm -rf "$throwaway" "$home/models/weights.pth"
}

bake_worker() {
  step "$ENGINE and its requirements"
  if [[ $ENGINE == torch && -e $home/models/model.onnx ]]; then
    echo "provision.sh: an exported network was packed, but ENGINE=torch can't run it" >&2
    exit 1
  fi
  if [[ $ENGINE == onnx ]]; then
    make_venv "$home/venv" worker-onnx.txt
    export_network
  else
    make_venv "$home/venv" worker.txt
  fi
  write_image_environment
  step "classify a sample as the worker does; weights that were not packed are downloaded now and stay in the image"
  (
    cd "$home"
    set -a
    # shellcheck source=/dev/null
    . "$home/image.env"
    "$python" -m workers "$sample"
  )
  chmod -R u=rwX,go=rX "$home/models"
  if [[ $GPU == true ]]; then cp -r "$home/infra/ami/systemd/gpu/." /etc/systemd/system/; fi
}

bake_web() {
  make_venv "$home/venv" web.txt
  step "static files"
  "$home/infra/ami/collect-static.sh" "$python"
  step "the certificates of RDS's servers"
  curl --silent --show-error --fail --retry 5 --output "$home/rds-ca.pem" \
    https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
  cp -r "$home/infra/ami/systemd/flower/." /etc/systemd/system/
}

install_services() {
  cp -r "$home/infra/ami/systemd/common/." "$home/infra/ami/systemd/$tier/." /etc/systemd/system/
  install -d "$home/bin"
  install -m 0755 "$home/infra/ami/bin/"* "$home/bin/"
  if [[ $tier == web ]]; then ln -s "$home/bin/recognition-manage" /usr/local/sbin/recognition-manage; fi
  install -m 0644 "$home/infra/ami/logrotate.conf" /etc/logrotate.d/recognition
  # The services can't write to the source folders, so Python's bytecode is compiled now.
  "$python" -m compileall -q "$home/project" "$home/classify_app" "$home/workers"
  systemctl daemon-reload
  # For an unknown key systemd-analyze only prints a warning and exits with 0.
  local output
  output=$(systemd-analyze verify --man=no /etc/systemd/system/recognition-*.{target,service} 2>&1) || output+=" (refused)"
  if [[ -n $output ]]; then
    echo "$output" >&2
    exit 1
  fi
}

clean_up() {
  # Instances are reached by SSM. The connection of this build stays open until it ends.
  systemctl mask sshd.service
  rm -f "$archive" /home/ec2-user/.ssh/authorized_keys /root/.ssh/authorized_keys /etc/ssh/ssh_host_*
  dnf clean all --quiet
  cloud-init clean --logs
  truncate --size 0 /etc/machine-id
}

if [[ $tier != worker && $tier != web ]]; then
  echo "provision.sh: $tier is neither worker nor web" >&2
  exit 1
fi
if [[ $tier == worker && $ENGINE == onnx && $GPU == true ]]; then
  echo "provision.sh: ENGINE=onnx runs on CPUs only; a GPU needs ENGINE=torch" >&2
  exit 1
fi
step "packages"
install_packages
unpack
"bake_$tier"
step "services"
install_services
clean_up
