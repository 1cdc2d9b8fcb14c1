variable "name" {
  type        = string
  description = "Images are called NAME-worker-TIME and NAME-web-TIME, and tagged Name=NAME-worker, Name=NAME-web."
  default     = "recognition"
}

variable "region" {
  type        = string
  description = "AWS region in which the images are baked and used."
  default     = "us-east-1"
}

variable "source_image" {
  type        = string
  description = "Name pattern of Amazon's image to start from; the latest one is used. It must be an Amazon Linux 2023 image."
  default     = "al2023-ami-2023.*-x86_64"
}

variable "instance_type" {
  type        = string
  description = "Instance type for the bake. A worker's image is tested on it, so a GPU image needs one with a GPU."
  default     = "c7i.large"
}

variable "subnet_id" {
  type        = string
  description = "Subnet for the bake, with internet access. Empty: the default VPC's."
  default     = ""
}

variable "ssh_interface" {
  type        = string
  description = "How packer reaches the instance, with a key for this one bake: public_ip, private_ip or session_manager."
  default     = "public_ip"

  validation {
    condition     = contains(["public_ip", "private_ip", "session_manager"], var.ssh_interface)
    error_message = "The ssh_interface must be public_ip, private_ip or session_manager."
  }
}

variable "instance_profile" {
  type        = string
  description = "Instance profile that allows SSM, for ssh_interface=session_manager. Empty: none."
  default     = ""
}

variable "root_gigabytes" {
  type        = number
  description = "Size of the root volume. Launch templates can't use a smaller one. PyTorch's CUDA build needs 40."
  default     = 12

  validation {
    condition     = var.root_gigabytes >= 8
    error_message = "The root_gigabytes must be 8 or more, as Amazon's image has."
  }
}

variable "python_version" {
  type        = string
  description = "Python that Amazon Linux installs as pythonX.Y: 3.11 or newer."
  default     = "3.11"
}

variable "model" {
  type        = string
  description = "MODEL of the worker: resnet18, resnet34, resnet50, resnet101 or resnet152."
  default     = "resnet50"

  validation {
    condition     = contains(["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"], var.model)
    error_message = "The model must be resnet18, resnet34, resnet50, resnet101 or resnet152."
  }
}

variable "engine" {
  type        = string
  description = "ENGINE of the worker: onnx, whose network is exported while baking, or torch. Empty: torch for a GPU, otherwise onnx."
  default     = ""

  validation {
    condition     = contains(["", "torch", "onnx"], var.engine)
    error_message = "The engine must be torch, onnx or empty."
  }
}

variable "gpu" {
  type        = bool
  description = "Whether the worker's image is for instances with an NVIDIA GPU; source_image must have its driver."
  default     = false
}

variable "torch_cpu_index" {
  type        = string
  description = "Package index of PyTorch's builds without CUDA, used if gpu is false."
  default     = "https://download.pytorch.org/whl/cpu"
}

locals {
  engine  = var.engine != "" ? var.engine : var.gpu ? "torch" : "onnx"
  time    = formatdate("YYYYMMDD-hhmmss", timestamp())
  archive = "/tmp/recognition.tar.gz"
}
