"""Pure measures of text: length, repetition, structure."""
