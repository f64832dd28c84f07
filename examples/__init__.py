"""Networks of one's own, of binary layers and ordinary operators: ``tvm-bnn COMMAND examples.MODULE:factory``."""
