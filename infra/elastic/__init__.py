"""`make elastic`: the elastic loop on one machine, by the policies of Terraform's plan and with real workers."""
