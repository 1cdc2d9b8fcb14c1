"""Research that chose the policies of Terraform's defaults; nothing that runs needs it."""
