"""The embedded model: its weights, and everything that makes them."""
