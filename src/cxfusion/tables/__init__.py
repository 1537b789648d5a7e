"""What every source becomes: canonical contacts and surveys."""
