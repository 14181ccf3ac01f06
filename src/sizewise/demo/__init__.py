"""The bundled task: messages to an online shop's support. Data only; see DATA_CARD.md."""
