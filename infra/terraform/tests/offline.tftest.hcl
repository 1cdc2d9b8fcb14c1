# The whole stack planned by the real provider, without AWS: only what AWS would be asked is given.

provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

override_data {
  target = module.network.data.aws_availability_zones.available
  values = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
}

variables {
  worker_ami_id = "ami-0123456789abcdef0"
  web_ami_id    = "ami-0123456789abcdef1"
}

run "plan" {
  command = plan
}
