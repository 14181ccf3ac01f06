"""Floor 1: runs and specialists on disk."""
