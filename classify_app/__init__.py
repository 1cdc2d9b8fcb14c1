"""The web tier: uploads in, results out. It never decodes a picture and never imports torch."""
