"""Where a user's own agent goes once the goal is elsewhere (`turncoat survey`)."""
