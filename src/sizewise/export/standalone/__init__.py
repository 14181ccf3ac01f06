"""What an exported specialist consists of beside the inference code that it shares with Sizewise."""
