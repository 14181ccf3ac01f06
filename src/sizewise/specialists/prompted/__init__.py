"""What the rung ``slm-prompted`` is made of: the prompt, its examples, and the tree of labels that is walked."""
