# In a file of its own, since packer 1.6, which Debian has, doesn't know the block.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = "~> 1.3"
    }
  }
}
