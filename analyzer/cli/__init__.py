"""The mediasec command. The only place that prints."""
