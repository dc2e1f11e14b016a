"""What a deployment would be: its plan, its surroundings, what it depends on, what may go wrong."""
