"""What this program is to the desktop around it: entry, links, autostart, service, one instance, its colours."""
