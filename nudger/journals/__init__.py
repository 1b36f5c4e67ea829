"""Where events come from and where state, messages and positions go."""
