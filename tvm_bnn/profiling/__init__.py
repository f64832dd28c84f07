"""Where the time goes: latency per operator, operations counted, rooflines."""
