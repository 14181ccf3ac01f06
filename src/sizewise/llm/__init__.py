"""Floor 1: LLMs behind APIs, and recorded answers replayed."""
