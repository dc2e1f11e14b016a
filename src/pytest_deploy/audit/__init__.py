"""What a run has done to the world outside, line by line, and whether these lines are whole."""
