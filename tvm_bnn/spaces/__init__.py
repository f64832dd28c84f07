"""Spaces: the loop arrangements of a lowering, their choices left to MetaSchedule's sampling."""
