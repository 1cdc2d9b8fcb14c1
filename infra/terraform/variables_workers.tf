# Workers

variable "worker_ami_id" {
  description = "Machine image of the workers, baked by infra/ami; for instance types with a GPU, one with its driver."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.worker_ami_id))
    error_message = "worker_ami_id must look like ami-0123456789abcdef0."
  }
}

variable "worker_instance_types" {
  description = "Instance types of the workers, in order of preference. They must have the same number of vCPUs, because model_threads applies to all. For a GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
  type        = list(string)
  default     = ["c7i.large", "c7a.large", "c6i.large", "c6a.large"]
  nullable    = false

  validation {
    condition = (
      length(var.worker_instance_types) >= 1 && length(var.worker_instance_types) <= 40
      && length(distinct(var.worker_instance_types)) == length(var.worker_instance_types)
      && alltrue([for type in var.worker_instance_types : can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", type))])
    )
    error_message = "worker_instance_types must be 1 to 40 different types such as c7i.large."
  }
}

variable "worker_min_size" {
  description = "Minimum number of workers; scale_to_zero overrides it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.worker_min_size >= 1 && floor(var.worker_min_size) == var.worker_min_size
    error_message = "worker_min_size must be a whole number of 1 or more; for none at all there is scale_to_zero."
  }
}

variable "worker_max_size" {
  description = "Maximum number of workers."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition = (
      var.worker_max_size >= var.worker_min_size
      && var.worker_max_size <= 500
      && floor(var.worker_max_size) == var.worker_max_size
    )
    error_message = "worker_max_size must be a whole number from worker_min_size to 500."
  }
}

variable "worker_spot_percentage" {
  description = "Percentage of spot instances among the workers, not counting the first one, which is always on demand."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition = (
      var.worker_spot_percentage >= 0
      && var.worker_spot_percentage <= 100
      && floor(var.worker_spot_percentage) == var.worker_spot_percentage
    )
    error_message = "worker_spot_percentage must be a whole number from 0 to 100."
  }
}

variable "worker_volume_gb" {
  description = "Size of a worker's disk in GB, at least the size of the image."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition = (
      var.worker_volume_gb >= 8
      && var.worker_volume_gb <= 1000
      && floor(var.worker_volume_gb) == var.worker_volume_gb
    )
    error_message = "worker_volume_gb must be a whole number from 8 to 1000."
  }
}

variable "model" {
  description = "MODEL of the workers; with engine = \"onnx\" the one that their image was baked with: resnet18, resnet34, resnet50, resnet101 or resnet152."
  type        = string
  default     = "resnet50"
  nullable    = false

  validation {
    condition     = contains(["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"], var.model)
    error_message = "model must be resnet18, resnet34, resnet50, resnet101 or resnet152."
  }
}

variable "model_weights" {
  description = "MODEL_WEIGHTS of the workers, with engine = \"torch\": a file in the image, s3://bucket/key, which the workers' role may then read, or empty for the weights in the image."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.model_weights == "" || can(regex("^(s3://[a-z0-9.-]{3,63}/[^*?\\s]+|/[^\\s]+)$", var.model_weights))
    error_message = "model_weights must be empty, an absolute path, or s3://bucket/key without *, ? or spaces."
  }
  validation {
    condition     = var.engine == "torch" || var.model_weights == ""
    error_message = "model_weights has no meaning without engine = \"torch\": export them, and name the file in onnx_model."
  }
}

variable "engine" {
  description = "ENGINE of the workers, for which their image was baked: onnx, or torch, which GPUs need."
  type        = string
  default     = "onnx"
  nullable    = false

  validation {
    condition     = contains(["torch", "onnx"], var.engine)
    error_message = "engine must be torch or onnx."
  }
}

variable "onnx_model" {
  description = "ONNX_MODEL of the workers, with engine = \"onnx\": a file in the image, s3://bucket/key, which the workers' role may then read, or empty for the network in the image."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.onnx_model == "" || can(regex("^(s3://[a-z0-9.-]{3,63}/[^*?\\s]+|/[^\\s]+)$", var.onnx_model))
    error_message = "onnx_model must be empty, an absolute path, or s3://bucket/key without *, ? or spaces."
  }
  validation {
    condition     = var.engine == "onnx" || var.onnx_model == ""
    error_message = "onnx_model has no meaning without engine = \"onnx\"."
  }
}

variable "max_batch_size" {
  description = "MAX_BATCH_SIZE of the workers. A worker holds 2 x max_batch_size x model_threads pictures."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition = (
      var.max_batch_size >= 1
      && var.max_batch_size <= 256
      && floor(var.max_batch_size) == var.max_batch_size
    )
    error_message = "max_batch_size must be a whole number from 1 to 256."
  }
}

variable "model_threads" {
  description = "MODEL_THREADS of the workers: as many as the instance types have vCPUs, or 1 on a GPU."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.model_threads >= 1 && var.model_threads <= 192 && floor(var.model_threads) == var.model_threads
    error_message = "model_threads must be a whole number from 1 to 192: the scale-in alarm has to know it, so 0 (as many as fit) isn't possible here."
  }
}

variable "worker_settings" {
  description = "Other variables of project/env.py for the workers, such as { MAX_WAIT_MS = \"10\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.worker_settings :
      can(regex("^[A-Z][A-Z0-9_]*$", key)) && can(regex("^[^\\s\"'\\\\]*$", value))
      && !contains(local.reserved_settings, key)
    ])
    error_message = "worker_settings must have names in capitals, values without spaces, quotes or backslashes, and none of the variables that this stack sets itself: ${join(", ", local.reserved_settings)}."
  }
}

# Scaling of the workers

variable "scaling" {
  description = "Policy for scale-out: \"step\" adds workers by scale_out_steps above scale_out_threshold. With \"target_tracking\" AWS keeps the backlog per instance at scale_out_threshold. Scale-in always uses scale_in_steps, because only that alarm counts messages in flight."
  type        = string
  default     = "step"
  nullable    = false

  validation {
    condition     = contains(["step", "target_tracking"], var.scaling)
    error_message = "scaling must be step or target_tracking."
  }
}

variable "scale_out_threshold" {
  description = "Backlog per instance, in waiting pictures, above which workers are added. With batches a good value is above 1: one worker's pictures per second x the acceptable waiting time in seconds."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.scale_out_threshold > 0
    error_message = "scale_out_threshold must be more than 0."
  }
}

variable "scale_in_threshold" {
  description = "Surplus at or below which workers are removed: workers needed for all pictures waiting and in flight, minus the workers left after one is removed. Lower values are more cautious."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.scale_in_threshold <= 0
    error_message = "scale_in_threshold must be 0 or less: above it, workers that are needed would be removed."
  }
}

variable "scale_out_steps" {
  description = "Growth in percent, by the distance of the backlog per instance above scale_out_threshold. Each step applies from its `above` to that of the next. At least one worker is added."
  type        = list(object({ above = number, percent = number }))
  default = [
    { above = 0, percent = 25 },
    { above = 16200, percent = 100 }, # Eight minutes' work of one worker, which does 34 pictures a second.
    { above = 32400, percent = 200 },
    { above = 64800, percent = 400 },
    { above = 129600, percent = 1900 },
  ]
  nullable = false

  validation {
    condition = (
      length(var.scale_out_steps) >= 1 && length(var.scale_out_steps) <= 20
      && try(var.scale_out_steps[0].above == 0, false)
      && alltrue([for i, step in var.scale_out_steps : i == 0 ? true : step.above > var.scale_out_steps[i - 1].above])
      && alltrue([for step in var.scale_out_steps : step.percent >= 1])
    )
    error_message = "scale_out_steps must be 1 to 20 steps, the first above 0, each above more than the one before, with percent of 1 or more."
  }
}

variable "scale_in_steps" {
  description = "Number of workers to remove, by the distance of the surplus below scale_in_threshold. Each step applies from its `below` down to that of the next."
  type        = list(object({ below = number, remove = number }))
  default = [
    { below = 0, remove = 1 },
    { below = -1, remove = 2 },
    { below = -3, remove = 4 },
    { below = -7, remove = 8 },
    { below = -15, remove = 16 },
  ]
  nullable = false

  validation {
    condition = (
      length(var.scale_in_steps) >= 1 && length(var.scale_in_steps) <= 20
      && try(var.scale_in_steps[0].below == 0, false)
      && alltrue([for i, step in var.scale_in_steps : i == 0 ? true : step.below < var.scale_in_steps[i - 1].below])
      && alltrue([for step in var.scale_in_steps : step.remove >= 1 && step.remove <= 1 - step.below])
    )
    error_message = "scale_in_steps must be 1 to 20 steps, the first below 0, each below less than the one before, and remove 1 to 1 - below, which is the whole surplus."
  }
}

variable "scale_in_pictures" {
  description = "Pictures, waiting or in flight, for which one worker is kept. A good value is 0.8 x one worker's pictures per second x its seconds per picture: what a busy worker has in flight. A larger value removes busy workers."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.scale_in_pictures > 0
    error_message = "scale_in_pictures must be more than 0."
  }
}

variable "scale_in_seconds" {
  description = "Seconds of surplus before workers are removed; whole minutes."
  type        = number
  default     = 120
  nullable    = false

  validation {
    condition     = var.scale_in_seconds >= 60 && var.scale_in_seconds <= 3600 && var.scale_in_seconds % 60 == 0
    error_message = "scale_in_seconds must be whole minutes, 60 to 3600."
  }
}

variable "worker_warmup_seconds" {
  description = "Seconds after which a worker in service counts for scaling. A worker polls as soon as it is in service, so the value can be low. 0 isn't allowed, because the provider treats it as unset, and a cooldown of 300 s would apply."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition = (
      var.worker_warmup_seconds >= 1
      && var.worker_warmup_seconds <= 3600
      && floor(var.worker_warmup_seconds) == var.worker_warmup_seconds
    )
    error_message = "worker_warmup_seconds must be a whole number from 1 to 3600."
  }
}

variable "scale_to_zero" {
  description = "true: no workers while there are no pictures. The first picture then waits some minutes for an alarm and a boot. A synchronous request gets a 504 after 300 s, but its picture is still classified."
  type        = bool
  default     = false
  nullable    = false
}

variable "warm_pool" {
  description = "Warm pool: stopped workers, which start faster than new ones. `min_size` is their minimum number, `max_prepared` the maximum together with those in service. You pay for their disks. Needs a single instance type and no spot instances. null: no warm pool."
  type        = object({ min_size = number, max_prepared = optional(number) })
  default     = null

  validation {
    condition = var.warm_pool == null ? true : (
      var.warm_pool.min_size >= 0 && floor(var.warm_pool.min_size) == var.warm_pool.min_size
      && try(var.warm_pool.max_prepared >= var.warm_pool.min_size, true)
    )
    error_message = "warm_pool needs a whole min_size of 0 or more, and max_prepared not below it."
  }
  validation {
    condition     = var.warm_pool == null || (var.worker_spot_percentage == 0 && length(var.worker_instance_types) == 1)
    error_message = "warm_pool works with worker_spot_percentage = 0 and one of worker_instance_types only: AWS refuses it for a mixed group."
  }
}
