"""Results as text: tables, CSV and JSON."""
