"""An OpenAI-compatible server in front of a model: it records the traffic and answers where it is sure."""
