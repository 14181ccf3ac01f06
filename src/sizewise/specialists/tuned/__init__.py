"""What a tuned local model answers with: its reading of the last hidden state, and its prompt. No torch here."""
