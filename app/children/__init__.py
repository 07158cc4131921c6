"""Processes that the window starts and listens to."""
