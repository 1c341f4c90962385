"""From a brief to a plan, one file a planner."""
