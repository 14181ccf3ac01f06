"""Floor 2: confidence, the guarantee, and the cascade that rests on both."""
