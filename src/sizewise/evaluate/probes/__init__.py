"""What ought not to change an answer, and how often it does: rewordings of the prompt, perturbations of the input."""
