"""Boards over TVM's RPC: what runs on them, how they are found, tuning and running networks on them."""
