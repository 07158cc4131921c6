"""What a person sees in a terminal: every command, and how it is printed."""
