"""The two configurations: what a federation decides (``federation``), and what this machine decides (``node``)."""
