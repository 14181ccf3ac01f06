"""Floor 3: costs and the verdict, pure arithmetic on stored measurements."""
