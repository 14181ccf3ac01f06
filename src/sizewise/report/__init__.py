"""Floor 4: a run's record, told to a reader: an HTML page and a terminal summary, in English and Russian."""
