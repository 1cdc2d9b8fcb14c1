"""The web tier: uploads in, results out. Never decodes a picture and never imports torch or the workers."""
