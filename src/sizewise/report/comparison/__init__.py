"""Two runs side by side: what was changed, what came of it, and whether that can be told apart from chance."""
