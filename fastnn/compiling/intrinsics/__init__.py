"""Functions that kernels call and whose machine code is written by hand, in `lowering`."""
