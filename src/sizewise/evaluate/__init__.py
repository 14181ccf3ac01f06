"""Floor 2: metrics with their intervals."""
