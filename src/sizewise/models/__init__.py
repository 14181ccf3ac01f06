"""Floor 1: where models come from (references, hashes, the dated catalogue) and what machines and calls cost."""
