"""The deployment itself: nothing but what was rehearsed."""
