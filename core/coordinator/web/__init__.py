"""The only open port: its routes, what comes in over them, and the page it shows."""
