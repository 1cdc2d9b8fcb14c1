variable "region" {
  description = "AWS region; the machine images and the certificate must be in it."
  type        = string
  default     = "us-east-1"
  nullable    = false
}

variable "name" {
  description = "Name of the stack; every resource's name begins with it."
  type        = string
  default     = "recognition"
  nullable    = false
}

variable "domain_name" {
  description = "Host name of the site."
  type        = string
}

variable "certificate_arn" {
  description = "ARN of the certificate for domain_name, in Certificate Manager, in this region."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone for the record that points domain_name to the load balancer. null: you create the record elsewhere."
  type        = string
  default     = null
}

variable "open_synchronous_routes" {
  description = "true: the routes of legacy clients (POST to / and /postApi/image) accept pictures without a token from everybody who can reach the site, also on port 80 without a redirect, which those clients don't follow. Their pictures can be intercepted."
  type        = bool
  default     = false
  nullable    = false
}

variable "worker_ami_id" {
  description = "Machine image of the workers, baked by infra/ami; for instance types with a GPU, one with its driver."
  type        = string
  nullable    = false
}

variable "worker_instance_types" {
  description = "Instance types of the workers, in order of preference. They must have the same number of vCPUs, because model_threads applies to all. For a GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
  type        = list(string)
  default     = ["c7i.large", "c7a.large", "c6i.large", "c6a.large"]
  nullable    = false
}

variable "worker_volume_gb" {
  description = "Size of a worker's disk in GB, at least the size of the image."
  type        = number
  default     = 20
  nullable    = false
}

variable "engine" {
  description = "ENGINE of the workers, for which their image was baked: onnx, or torch, which GPUs need."
  type        = string
  default     = "onnx"
  nullable    = false
}

variable "model_threads" {
  description = "MODEL_THREADS of the workers: as many as the instance types have vCPUs, or 1 on a GPU."
  type        = number
  default     = 2
  nullable    = false
}

variable "max_batch_size" {
  description = "MAX_BATCH_SIZE of the workers. A worker holds 2 x max_batch_size x model_threads pictures."
  type        = number
  default     = 8
  nullable    = false
}

variable "web_ami_id" {
  description = "Machine image of the web tier and of Flower, baked by infra/ami."
  type        = string
  nullable    = false
}

variable "alert_email" {
  description = "E-mail address for alarms; AWS first asks it for confirmation."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Budget in US dollars per month for the whole account. An alarm is sent if the actual or forecast cost exceeds it."
  type        = number
  default     = 1000
  nullable    = false
}

variable "secret_version" {
  description = "Increase it to rotate SECRET_KEY and the database password. The web instances are replaced, and users have to log in again."
  type        = number
  default     = 1
  nullable    = false
}

variable "deletion_protection" {
  description = "true: the database, the load balancer and buckets with objects can't be deleted, and a deleted secret can be recovered for 30 days. false: `terraform destroy` deletes everything except a final snapshot of the database."
  type        = bool
  default     = true
  nullable    = false
}
