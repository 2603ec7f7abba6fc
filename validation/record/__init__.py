"""The validation record: every oracle, seed characterisation and published comparison, computed again and judged."""
