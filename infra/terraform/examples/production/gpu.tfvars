# Workers on GPUs: terraform apply -var-file=gpu.tfvars, with worker_ami_id set to an image with the GPU's driver.
# One forward pass at a time, of more pictures, keeps a GPU busy.
engine                = "torch"
worker_instance_types = ["g5.xlarge", "g6.xlarge"]
worker_volume_gb      = 60
model_threads         = 1
max_batch_size        = 32
