"""Training: what is decided while a network learns. No arithmetic on weights stands here."""
