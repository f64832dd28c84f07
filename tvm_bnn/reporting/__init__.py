"""Results for people and programs: tables, CSV, JSON, and reports with pictures."""
