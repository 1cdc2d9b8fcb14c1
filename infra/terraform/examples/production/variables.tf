variable "region" {
  description = "AWS region, in which the machine images and the certificate are too."
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
  description = "Route 53 zone in which domain_name is made to point to the load balancer; null: that is done elsewhere."
  type        = string
  default     = null
}

variable "open_synchronous_routes" {
  description = "true: the routes of the old clients (POST to / and /postApi/image) take pictures from anybody who can reach the site, without a token, and on port 80 without a redirect, which those clients wouldn't follow. Their pictures are readable on the way."
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
  description = "Instance types of the workers, best first; alike in vCPUs, since model_threads is the same for all. A GPU: [\"g5.xlarge\"], with worker_ami_id and model_threads = 1."
  type        = list(string)
  default     = ["c7i.large", "c7a.large", "c6i.large", "c6a.large"]
  nullable    = false
}

variable "worker_volume_gb" {
  description = "Size of a worker's disk in GB; at least that of the image."
  type        = number
  default     = 20
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
  description = "Address that gets the alarms; AWS asks it first whether it wants them."
  type        = string
}

variable "monthly_budget_usd" {
  description = "Dollars a month above which, spent or foreseen, an alarm goes off. It counts the whole account."
  type        = number
  default     = 1000
  nullable    = false
}

variable "secret_version" {
  description = "Raise it to replace SECRET_KEY and the database's password; the web instances are replaced with them, and users log in anew."
  type        = number
  default     = 1
  nullable    = false
}

variable "deletion_protection" {
  description = "true: database and load balancer can't be deleted, buckets not while they hold objects, and a secret that is deleted can be recovered for 30 days. false: `terraform destroy` works, and of pictures, records and database leaves a last snapshot of the database alone."
  type        = bool
  default     = true
  nullable    = false
}
