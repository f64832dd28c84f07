"""Pictures, label maps and the sets of data that networks are trained and measured on."""
