"""What the model reads, base by base, and the regions it weighs most."""
