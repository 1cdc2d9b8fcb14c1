source "amazon-ebs" "worker" {
  region               = var.region
  instance_type        = var.instance_type
  subnet_id            = var.subnet_id
  iam_instance_profile = var.instance_profile
  communicator         = "ssh"
  ssh_username         = "ec2-user"
  ssh_interface        = var.ssh_interface
  ami_name             = "${var.name}-worker-${local.time}"
  encrypt_boot         = true

  source_ami_filter {
    filters = {
      name                = var.source_image
      virtualization-type = "hvm"
      root-device-type    = "ebs"
    }
    owners      = ["amazon"]
    most_recent = true
  }

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_size           = var.root_gigabytes
    volume_type           = "gp3"
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
  }

  tags = {
    Name   = "${var.name}-worker"
    Model  = var.model
    Engine = local.engine
  }
}

build {
  sources = ["source.amazon-ebs.worker"]

  provisioner "file" {
    source      = "${path.root}/build/recognition.tar.gz"
    destination = local.archive
  }

  provisioner "shell" {
    script          = "${path.root}/provision.sh"
    execute_command = "sudo env {{ .Vars }} bash {{ .Path }} worker ${local.archive}"
    environment_vars = [
      "PYTHON_VERSION=${var.python_version}",
      "MODEL=${var.model}",
      "ENGINE=${local.engine}",
      "GPU=${var.gpu}",
      "TORCH_CPU_INDEX=${var.torch_cpu_index}",
    ]
  }
}
