"""The attention's saving, three ways: counted from loop nests, by formula, by the clock."""
