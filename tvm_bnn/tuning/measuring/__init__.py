"""What measures candidates where nobody may install or compile anything: a copy goes out with them.

Needs the standard library, NumPy and TVM's runtime, and nothing else of this program; :mod:`tvm_bnn.tuning.offline`
makes the folders that it works on.
"""
