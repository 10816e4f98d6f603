"""What every stage shares: errors, table schemas, settings, the run folder, small statistics. Imports nothing else of phenolens."""
