"""Floor 2: the ladder. One file a rung: a recipe that is not fitted yet, and the specialist it fits to."""
