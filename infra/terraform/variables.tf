# General

variable "name" {
  description = "Name of the stack; every resource's name begins with it."
  type        = string
  default     = "recognition"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) <= 20
    error_message = "name must be lower-case words of letters and digits joined by single hyphens, 20 characters at most."
  }
}

variable "bucket_prefix" {
  description = "Buckets are called PREFIX-input, PREFIX-output and PREFIX-logs, in a name space that all of AWS shares; null: NAME-ACCOUNT-REGION."
  type        = string
  default     = null

  validation {
    condition     = var.bucket_prefix == null || can(regex("^[a-z0-9][a-z0-9-]{1,55}$", var.bucket_prefix))
    error_message = "bucket_prefix must be 2 to 56 lower-case letters, digits and hyphens, and not begin with a hyphen."
  }
}

variable "deletion_protection" {
  description = "true: database and load balancer can't be deleted, buckets not while they hold objects, and what is deleted leaves a final snapshot and a secret to recover. false: `terraform destroy` leaves nothing behind."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days for which logs are kept, in CloudWatch and in the bucket of access logs."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of the values that CloudWatch allows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "root_device_name" {
  description = "Name of the root device in the machine images; a wrong one adds a second disk and leaves the root unencrypted."
  type        = string
  default     = "/dev/xvda"
  nullable    = false

  validation {
    condition     = can(regex("^/dev/[a-z]+[0-9]*$", var.root_device_name))
    error_message = "root_device_name must look like /dev/xvda."
  }
}

# Network

variable "vpc_cidr" {
  description = "Addresses of the VPC; each subnet gets a sixteenth of them."
  type        = string
  default     = "10.40.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && try(tonumber(split("/", var.vpc_cidr)[1]), 0) >= 16 && try(tonumber(split("/", var.vpc_cidr)[1]), 99) <= 20
    error_message = "vpc_cidr must be an IPv4 range of /16 to /20."
  }
}

variable "zones" {
  description = "Number of availability zones."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones must be 2, 3 or 4: the load balancer and the database want two."
  }
}

variable "nat_per_zone" {
  description = "true: a NAT gateway in each zone, so that no zone depends on another; false: one for all, which costs less."
  type        = bool
  default     = false
  nullable    = false
}

variable "interface_endpoints" {
  description = "true: calls to SQS, logs, secrets and so on stay inside the VPC, which costs by the hour for each service and zone; false: they leave by the NAT gateway. S3 always stays inside."
  type        = bool
  default     = true
  nullable    = false
}

variable "allowed_cidrs" {
  description = "Addresses from which the site can be reached."
  type        = list(string)
  default     = ["0.0.0.0/0"]
  nullable    = false

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for cidr in var.allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "allowed_cidrs must be one or more IPv4 ranges, such as 198.51.100.7/32."
  }
}

# Storage

variable "input_expiry_days" {
  description = "Age in days at which pictures are deleted."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.input_expiry_days >= 1 && floor(var.input_expiry_days) == var.input_expiry_days
    error_message = "input_expiry_days must be a whole number of 1 or more."
  }
}

variable "output_expiry_days" {
  description = "Age in days at which records are deleted."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.output_expiry_days >= 1 && floor(var.output_expiry_days) == var.output_expiry_days
    error_message = "output_expiry_days must be a whole number of 1 or more."
  }
}

variable "archive_after_days" {
  description = "Age in days at which pictures and records move to Glacier Instant Retrieval, where keeping costs less and reading more; S3 leaves those under 128 kB where they are. null: never."
  type        = number
  default     = null

  validation {
    condition = var.archive_after_days == null ? true : (
      var.archive_after_days >= 1 && floor(var.archive_after_days) == var.archive_after_days
      && var.archive_after_days < min(var.input_expiry_days, var.output_expiry_days)
    )
    error_message = "archive_after_days must be a whole number of 1 or more, and less than input_expiry_days and output_expiry_days."
  }
}

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
  description = "Instance types of the workers, best first; alike in vCPUs, since model_threads is the same for all. A GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
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
  description = "Workers at least; scale_to_zero overrides it."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.worker_min_size >= 1 && floor(var.worker_min_size) == var.worker_min_size
    error_message = "worker_min_size must be a whole number of 1 or more; for none at all there is scale_to_zero."
  }
}

variable "worker_max_size" {
  description = "Workers at most."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.worker_max_size >= var.worker_min_size && var.worker_max_size <= 500 && floor(var.worker_max_size) == var.worker_max_size
    error_message = "worker_max_size must be a whole number from worker_min_size to 500."
  }
}

variable "worker_spot_percentage" {
  description = "Share of spot instances among the workers above the first one, which is always on demand."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.worker_spot_percentage >= 0 && var.worker_spot_percentage <= 100 && floor(var.worker_spot_percentage) == var.worker_spot_percentage
    error_message = "worker_spot_percentage must be a whole number from 0 to 100."
  }
}

variable "worker_volume_gb" {
  description = "Size of a worker's disk in GB; at least that of the image."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.worker_volume_gb >= 8 && var.worker_volume_gb <= 1000 && floor(var.worker_volume_gb) == var.worker_volume_gb
    error_message = "worker_volume_gb must be a whole number from 8 to 1000."
  }
}

variable "model" {
  description = "MODEL of the workers: resnet18, resnet34, resnet50, resnet101 or resnet152."
  type        = string
  default     = "resnet50"
  nullable    = false

  validation {
    condition     = contains(["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"], var.model)
    error_message = "model must be resnet18, resnet34, resnet50, resnet101 or resnet152."
  }
}

variable "model_weights" {
  description = "MODEL_WEIGHTS of the workers: a file in the image, s3://bucket/key, which the workers' role may then read, or empty for what was baked."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.model_weights == "" || can(regex("^(s3://[a-z0-9.-]{3,63}/[^*?\\s]+|/[^\\s]+)$", var.model_weights))
    error_message = "model_weights must be empty, an absolute path, or s3://bucket/key without *, ? or spaces."
  }
}

variable "engine" {
  description = "ENGINE of the workers: torch, or onnx with onnx_model."
  type        = string
  default     = "torch"
  nullable    = false

  validation {
    condition     = contains(["torch", "onnx"], var.engine)
    error_message = "engine must be torch or onnx."
  }
}

variable "onnx_model" {
  description = "ONNX_MODEL of the workers, with engine = \"onnx\": a file in the image, or s3://bucket/key, which the workers' role may then read."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.onnx_model == "" || can(regex("^(s3://[a-z0-9.-]{3,63}/[^*?\\s]+|/[^\\s]+)$", var.onnx_model))
    error_message = "onnx_model must be empty, an absolute path, or s3://bucket/key without *, ? or spaces."
  }
  validation {
    condition     = (var.engine == "onnx") == (var.onnx_model != "")
    error_message = "onnx_model is needed with engine = \"onnx\", and has no meaning without."
  }
}

variable "max_batch_size" {
  description = "MAX_BATCH_SIZE of the workers. A worker holds 2 x max_batch_size x model_threads pictures; the scale-in alarm counts with that."
  type        = number
  default     = 8
  nullable    = false

  validation {
    condition     = var.max_batch_size >= 1 && var.max_batch_size <= 256 && floor(var.max_batch_size) == var.max_batch_size
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
      can(regex("^[A-Z][A-Z0-9_]*$", key)) && can(regex("^[^\\s\"'\\\\]*$", value)) && !contains(local.reserved_settings, key)
    ])
    error_message = "worker_settings must have names in capitals, values without spaces, quotes or backslashes, and none of the variables that this stack sets itself: ${join(", ", local.reserved_settings)}."
  }
}

# Scaling of the workers

variable "scaling" {
  description = "How the workers grow: \"step\" by scale_out_steps above scale_out_threshold, or \"target_tracking\", by which AWS chooses the size that brings the backlog per instance to scale_out_threshold. They shrink by scale_in_steps either way, since only that alarm counts what is in flight."
  type        = string
  default     = "step"
  nullable    = false

  validation {
    condition     = contains(["step", "target_tracking"], var.scaling)
    error_message = "scaling must be step or target_tracking."
  }
}

variable "scale_out_threshold" {
  description = "Backlog per instance, in pictures that wait, above which workers are added. With batches a worker's natural backlog is more than 1: pictures a second of one worker x the seconds one may wait."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.scale_out_threshold > 0
    error_message = "scale_out_threshold must be more than 0."
  }
}

variable "scale_in_threshold" {
  description = "Workers needed for all that waits and is in flight, less those left when one goes, at or below which workers are removed; the lower, the more cautious."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.scale_in_threshold <= 0
    error_message = "scale_in_threshold must be 0 or less: above it, workers that are needed would be removed."
  }
}

variable "scale_out_steps" {
  description = "By how many percent the workers grow, by how far the backlog per instance is above scale_out_threshold: each step holds from its `above` to that of the next. One worker is added at least."
  type        = list(object({ above = number, percent = number }))
  default = [
    { above = 0, percent = 25 },
    { above = 4, percent = 50 },
    { above = 9, percent = 100 },
    { above = 19, percent = 400 },
    { above = 49, percent = 1900 },
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
  description = "How many workers are removed, by how far the surplus is below scale_in_threshold: each step holds from its `below` down to that of the next."
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

variable "worker_warmup_seconds" {
  description = "Seconds after which a worker that entered service counts for scaling. It polls from its first second in service, so this is only what the metrics are late by."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.worker_warmup_seconds >= 0 && var.worker_warmup_seconds <= 3600 && floor(var.worker_warmup_seconds) == var.worker_warmup_seconds
    error_message = "worker_warmup_seconds must be a whole number from 0 to 3600."
  }
}

variable "scale_to_zero" {
  description = "true: no worker while there is nothing to do. The first picture then waits some minutes for an alarm and a boot; a synchronous request that waits for more than 300 s is answered 504, and its picture is classified all the same."
  type        = bool
  default     = false
  nullable    = false
}

variable "warm_pool" {
  description = "Workers that were booted once and stopped, and start sooner than new ones: `min_size` of them at least, `max_prepared` together with those in service at most. They cost their disks. With one instance type and without spot instances alone. null: none."
  type        = object({ min_size = number, max_prepared = optional(number) })
  default     = null

  validation {
    condition     = var.warm_pool == null ? true : var.warm_pool.min_size >= 0 && floor(var.warm_pool.min_size) == var.warm_pool.min_size && try(var.warm_pool.max_prepared >= var.warm_pool.min_size, true)
    error_message = "warm_pool needs a whole min_size of 0 or more, and max_prepared not below it."
  }
  validation {
    condition     = var.warm_pool == null || (var.worker_spot_percentage == 0 && length(var.worker_instance_types) == 1)
    error_message = "warm_pool works with worker_spot_percentage = 0 and one of worker_instance_types only: AWS refuses it for a mixed group."
  }
}

# Web tier

variable "web_ami_id" {
  description = "Machine image of the web tier and of Flower, baked by infra/ami."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ami-[0-9a-f]{8,17}$", var.web_ami_id))
    error_message = "web_ami_id must look like ami-0123456789abcdef0."
  }
}

variable "web_instance_type" {
  description = "Instance type of the web tier."
  type        = string
  default     = "t3.small"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.web_instance_type))
    error_message = "web_instance_type must look like t3.small."
  }
}

variable "web_min_size" {
  description = "Web instances at least; with 2 the site outlives one of them."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.web_min_size >= 1 && floor(var.web_min_size) == var.web_min_size
    error_message = "web_min_size must be a whole number of 1 or more."
  }
}

variable "web_max_size" {
  description = "Web instances at most; they are added where their processors are busy."
  type        = number
  default     = 4
  nullable    = false

  validation {
    condition     = var.web_max_size >= var.web_min_size && var.web_max_size <= 50 && floor(var.web_max_size) == var.web_max_size
    error_message = "web_max_size must be a whole number from web_min_size to 50."
  }
}

variable "domain_name" {
  description = "Host name of the site, with certificate_arn. null: the site is reached by the load balancer's own name, over plain HTTP. Passwords, tokens and pictures are then readable on the way, cookies aren't marked secure, and the address changes with the load balancer: for trials alone, best with allowed_cidrs."
  type        = string
  default     = null

  validation {
    condition     = var.domain_name == null || can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", var.domain_name))
    error_message = "domain_name must be a host name in lower case, such as pictures.example.org."
  }
  validation {
    condition     = (var.domain_name == null) == (var.certificate_arn == null)
    error_message = "domain_name and certificate_arn are given together, or neither."
  }
}

variable "certificate_arn" {
  description = "ARN of the certificate for domain_name, in Certificate Manager, in this region."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.certificate_arn))
    error_message = "certificate_arn must look like arn:aws:acm:REGION:ACCOUNT:certificate/ID."
  }
}

variable "zone_id" {
  description = "Route 53 zone in which domain_name is made to point to the load balancer; null: that is done elsewhere."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || can(regex("^Z[A-Z0-9]{1,31}$", var.zone_id))
    error_message = "zone_id must look like Z0123456789ABCDEFGHIJ."
  }
  validation {
    condition     = var.zone_id == null || var.domain_name != null
    error_message = "zone_id has no meaning without domain_name."
  }
}

variable "open_synchronous_routes" {
  description = "true: the routes of the old clients (POST to / and /postApi/image) take pictures from anybody who can reach the site, without a token, and on port 80 without a redirect, which those clients wouldn't follow. Their pictures are readable on the way."
  type        = bool
  default     = false
  nullable    = false
}

variable "web_settings" {
  description = "Other variables of project/env.py for the web tier, such as { MAX_BACKLOG = \"20000\" }."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for key, value in var.web_settings :
      can(regex("^[A-Z][A-Z0-9_]*$", key)) && can(regex("^[^\\s\"'\\\\]*$", value)) && !contains(local.reserved_settings, key)
    ])
    error_message = "web_settings must have names in capitals, values without spaces, quotes or backslashes, and none of the variables that this stack sets itself: ${join(", ", local.reserved_settings)}."
  }
}

# Flower

variable "flower_instance_type" {
  description = "Instance type of Flower's one instance."
  type        = string
  default     = "t3.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", var.flower_instance_type))
    error_message = "flower_instance_type must look like t3.micro."
  }
}

# Database

variable "database_instance_class" {
  description = "Instance class of the database."
  type        = string
  default     = "db.t4g.micro"
  nullable    = false

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_instance_class))
    error_message = "database_instance_class must look like db.t4g.micro."
  }
}

variable "database_multi_az" {
  description = "true: a second database in another zone takes over when the first fails; it costs as much again."
  type        = bool
  default     = false
  nullable    = false
}

variable "database_backup_days" {
  description = "Days for which the database's backups are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.database_backup_days >= 1 && var.database_backup_days <= 35 && floor(var.database_backup_days) == var.database_backup_days
    error_message = "database_backup_days must be a whole number from 1 to 35."
  }
}

variable "secret_version" {
  description = "Raise it to replace SECRET_KEY and the database's password; the web instances are replaced with them, and users log in anew."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.secret_version >= 1 && floor(var.secret_version) == var.secret_version
    error_message = "secret_version must be a whole number of 1 or more."
  }
}

# Monitoring

variable "alert_email" {
  description = "Address that gets the alarms; AWS asks it first whether it wants them. null: they only go to the SNS topic."
  type        = string
  default     = null

  validation {
    condition     = var.alert_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.alert_email))
    error_message = "alert_email must be an e-mail address."
  }
}

variable "oldest_request_seconds" {
  description = "Age of the oldest waiting picture above which an alarm goes off."
  type        = number
  default     = 600
  nullable    = false

  validation {
    condition     = var.oldest_request_seconds >= 60 && var.oldest_request_seconds <= 86400
    error_message = "oldest_request_seconds must be 60 to 86400."
  }
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, spent or foreseen, an alarm goes off. It counts the whole account."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 1
    error_message = "monthly_budget_usd must be 1 or more."
  }
}
