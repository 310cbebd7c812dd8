"""What a language model prefers, gives away and can be brought to write."""
