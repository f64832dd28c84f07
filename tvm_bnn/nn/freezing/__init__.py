"""How :func:`tvm_bnn.nn.freeze` works, step by step.

``trace`` reads the network as layers, ``forms`` decides which of them become integers, ``fuse`` and ``islands`` gather
layers and ordinary operators into parts, ``plan`` puts the parts in order, and ``emit`` turns each into a step:
``anchors`` finds its operator, ``fold`` and ``finish`` its epilogue.
"""
