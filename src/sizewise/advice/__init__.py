"""Floor 3: what can be settled before there is any data, by rules that stand in one file."""
