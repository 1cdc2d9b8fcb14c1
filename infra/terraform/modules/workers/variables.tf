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
  description = "The application's permissions: an IAM policy as JSON."
  type        = string
}

variable "environment" {
  description = "Environment variables of the tier (project/env.py) that this module doesn't set itself."
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
  description = "Name of the root device in the machine images. A wrong name adds a second disk and leaves the root disk unencrypted."
  type        = string
}

variable "volume_gb" {
  description = "Size of a worker's disk in GB, at least the size of the image."
  type        = number
}

variable "log_retention_days" {
  description = "Retention of logs in days, in CloudWatch and in the bucket of access logs."
  type        = number
}

variable "instance_types" {
  description = "Instance types of the workers, in order of preference. They must have the same number of vCPUs, because model_threads applies to all. For a GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
  type        = list(string)
}

variable "min_size" {
  description = "Minimum number of workers; scale_to_zero overrides it."
  type        = number
}

variable "max_size" {
  description = "Maximum number of workers."
  type        = number
}

variable "spot_percentage" {
  description = "Percentage of spot instances among the workers, not counting the first one, which is always on demand."
  type        = number
}

variable "warm_pool" {
  description = "Warm pool: stopped workers, which start faster than new ones. `min_size` is their minimum number, `max_prepared` the maximum together with those in service. You pay for their disks. Needs a single instance type and no spot instances. null: no warm pool."
  type        = object({ min_size = number, max_prepared = optional(number) })
}

variable "model" {
  description = "MODEL of the workers; with engine = \"onnx\" the one that their image was baked with: resnet18, resnet34, resnet50, resnet101 or resnet152."
  type        = string
}

variable "model_weights" {
  description = "MODEL_WEIGHTS of the workers, with engine = \"torch\": a file in the image, s3://bucket/key, which the workers' role may then read, or empty for the weights in the image."
  type        = string
}

variable "engine" {
  description = "ENGINE of the workers, for which their image was baked: onnx, or torch, which GPUs need."
  type        = string
}

variable "onnx_model" {
  description = "ONNX_MODEL of the workers, with engine = \"onnx\": a file in the image, s3://bucket/key, which the workers' role may then read, or empty for the network in the image."
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
  description = "Policy for scale-out: \"step\" adds workers by scale_out_steps above scale_out_threshold. With \"target_tracking\" AWS keeps the backlog per instance at scale_out_threshold. Scale-in always uses scale_in_steps, because only that alarm counts messages in flight."
  type        = string
}

variable "scale_to_zero" {
  description = "true: no workers while there are no pictures. The first picture then waits some minutes for an alarm and a boot, possibly longer than SYNC_WAIT_SECONDS."
  type        = bool
}

variable "scale_out_threshold" {
  description = "Backlog per instance, in waiting pictures, above which workers are added. With batches a good value is above 1: one worker's pictures per second x the acceptable waiting time in seconds."
  type        = number
}

variable "scale_in_threshold" {
  description = "Surplus at or below which workers are removed: workers needed for all pictures waiting and in flight, minus the workers left after one is removed. Lower values are more cautious."
  type        = number
}

variable "scale_out_steps" {
  description = "Growth in percent, by the distance of the backlog per instance above scale_out_threshold. Each step applies from its `above` to that of the next. At least one worker is added."
  type        = list(object({ above = number, percent = number }))
}

variable "scale_in_steps" {
  description = "Number of workers to remove, by the distance of the surplus below scale_in_threshold. Each step applies from its `below` down to that of the next."
  type        = list(object({ below = number, remove = number }))
}

variable "scale_in_pictures" {
  description = "Pictures, waiting or in flight, for which one worker is kept. A good value is 0.8 x one worker's pictures per second x its seconds per picture: what a busy worker has in flight. A larger value removes busy workers."
  type        = number
}

variable "scale_in_seconds" {
  description = "Seconds of surplus before workers are removed; whole minutes."
  type        = number
}

variable "warmup_seconds" {
  description = "Seconds after which a worker in service counts for scaling. A worker polls as soon as it is in service, so the value can be low. 0 isn't allowed, because the provider treats it as unset, and a cooldown of 300 s would apply."
  type        = number
}
