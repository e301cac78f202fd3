"""The compiling room: what kernels are written with, and how they become machine code."""
