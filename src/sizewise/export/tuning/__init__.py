"""Files to tune a large model with at its provider, from the train rows of a run."""
