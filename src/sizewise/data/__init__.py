"""Floor 1: read a log, check what it can bear, split it."""
