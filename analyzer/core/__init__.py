"""What every layer shares: cites, anomalies, limits, safe text, unknowns. Standard library only."""
