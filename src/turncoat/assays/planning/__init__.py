"""How a recurrent planner comes by its moves: probes, edits and retargeting of its hidden state."""
