"""What is durable: tables and content-addressed files."""
