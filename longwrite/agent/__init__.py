"""The plan-then-write agent."""
