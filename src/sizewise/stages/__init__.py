"""Floor 5: the stages of a run, in the order in which ``pipeline.py`` names them."""
