"""Floor 0: plain frozen data and the Model protocol. Standard library only."""
