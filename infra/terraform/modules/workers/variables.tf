variable "name" {
  description = "Name of the stack."
  type        = string
}

variable "account" {
  description = "Where the stack is."
  type        = object({ id = string, partition = string, region = string })
}

variable "subnet_ids" {
  description = "Subnets of the group."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "policy" {
  description = "What the application may do: JSON of an IAM policy."
  type        = string
}

variable "environment" {
  description = "The tier's variables of project/env.py that this module doesn't set itself."
  type        = map(string)
}

variable "request_queue_name" {
  description = "Name of the queue whose length the group follows."
  type        = string
}

variable "ami_id" {
  description = "Machine image of the workers, baked by infra/ami; for instance types with a GPU, one with its driver."
  type        = string
}

variable "root_device_name" {
  description = "Name of the root device in the machine images; a wrong one adds a second disk and leaves the root unencrypted."
  type        = string
}

variable "volume_gb" {
  description = "Size of a worker's disk in GB; at least that of the image."
  type        = number
}

variable "log_retention_days" {
  description = "Days for which logs are kept, in CloudWatch and in the bucket of access logs."
  type        = number
}

variable "instance_types" {
  description = "Instance types of the workers, best first; alike in vCPUs, since model_threads is the same for all. A GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
  type        = list(string)
}

variable "min_size" {
  description = "Workers at least; scale_to_zero overrides it."
  type        = number
}

variable "max_size" {
  description = "Workers at most."
  type        = number
}

variable "spot_percentage" {
  description = "Share of spot instances among the workers above the first one, which is always on demand."
  type        = number
}

variable "warm_pool" {
  description = "Workers that were booted once and stopped, and start sooner than new ones: `min_size` of them at least, `max_prepared` together with those in service at most. They cost their disks. With one instance type and without spot instances alone. null: none."
  type        = object({ min_size = number, max_prepared = optional(number) })
}

variable "model" {
  description = "MODEL of the workers: resnet18, resnet34, resnet50, resnet101 or resnet152."
  type        = string
}

variable "model_weights" {
  description = "MODEL_WEIGHTS of the workers: a file in the image, s3://bucket/key, which the workers' role may then read, or empty for what was baked."
  type        = string
}

variable "engine" {
  description = "ENGINE of the workers, as their image was baked for: torch or onnx."
  type        = string
}

variable "onnx_model" {
  description = "ONNX_MODEL of the workers, with engine = \"onnx\": a file in the image, s3://bucket/key, which the workers' role may then read, or empty for what was baked."
  type        = string
}

variable "max_batch_size" {
  description = "MAX_BATCH_SIZE of the workers. A worker holds 2 x max_batch_size x model_threads pictures."
  type        = number
}

variable "model_threads" {
  description = "MODEL_THREADS of the workers: as many as the instance types have vCPUs, or 1 on a GPU."
  type        = number
}

variable "scaling" {
  description = "How the workers grow: \"step\" by scale_out_steps above scale_out_threshold, or \"target_tracking\", by which AWS chooses the size that brings the backlog per instance to scale_out_threshold. They shrink by scale_in_steps either way, since only that alarm counts what is in flight."
  type        = string
}

variable "scale_to_zero" {
  description = "true: no worker while there is nothing to do. The first picture then waits for an alarm and a boot, some minutes, which is longer than the synchronous routes wait where it exceeds SYNC_WAIT_SECONDS."
  type        = bool
}

variable "scale_out_threshold" {
  description = "Backlog per instance, in pictures that wait, above which workers are added. With batches a worker's natural backlog is more than 1: pictures a second of one worker x the seconds one may wait."
  type        = number
}

variable "scale_in_threshold" {
  description = "Workers needed for all that waits and is in flight, less those left when one goes, at or below which workers are removed; the lower, the more cautious."
  type        = number
}

variable "scale_out_steps" {
  description = "By how many percent the workers grow, by how far the backlog per instance is above scale_out_threshold: each step holds from its `above` to that of the next. One worker is added at least."
  type        = list(object({ above = number, percent = number }))
}

variable "scale_in_steps" {
  description = "How many workers are removed, by how far the surplus is below scale_in_threshold: each step holds from its `below` down to that of the next."
  type        = list(object({ below = number, remove = number }))
}

variable "scale_in_pictures" {
  description = "Pictures, waiting or in flight, for which one worker is kept: 0.8 x pictures a second of one worker x seconds that one picture takes it, which is what a worker at full work has in flight. More of them shrink the group while it is busy."
  type        = number
}

variable "scale_in_seconds" {
  description = "Seconds for which workers must have been too many before some are removed; whole minutes."
  type        = number
}

variable "warmup_seconds" {
  description = "Seconds after which a worker that entered service counts for scaling. It polls from its first second in service, so hardly any. Not 0, which the provider takes for unset: a cooldown of 300 s would then apply."
  type        = number
}
