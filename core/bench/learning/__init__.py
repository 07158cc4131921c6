"""What federations learn: ``python -m core.bench.learning``. Many clients in one process, cell by cell."""
