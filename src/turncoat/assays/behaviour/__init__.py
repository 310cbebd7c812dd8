"""What a subject does, asked of nothing but its actions."""
