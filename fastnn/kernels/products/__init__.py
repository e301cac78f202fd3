"""The matrix product of a layer: whole, in strips, panel by panel, or of rounded numbers.

Which form a network uses depends on the processor and on BLAS, the library that multiplies
(`choice`). For matrices larger than a mini-batch's it pays to copy both into an order of their own,
as BLAS does: of a forward pass through 256 x 256 weights, 100 rows at a time, the copies take a
fifth. Where BLAS takes small matrices as they lie, products are cut into strips that are small
enough (`strips`). On other processors with registers of 32 bytes a product of our own copies less
(`panels`), with those of 64 bytes another (`long_panels`), which predictions use wherever there are
such. Elsewhere BLAS has it whole (`blas`).

A network that a user trains in bfloat16 has a form of its own, of rounded numbers (`pairs`).
"""
