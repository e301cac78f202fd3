"""The arithmetic of a feed-forward network: every number that fastnn computes is computed here.

One mini-batch goes through the network like this, ``rows`` being the rows of the data in it::

    X --gather--> A[0] --affine--> Z[1] --activation--> A[1] -- ... --> A[L]   forward
                                                                         |  loss, delta[L]
        dW[0], db[0] <--- delta[1] <--- ... <------ delta[L-1] <---------+   backward
    params <--- update <--- gradient = (all dW, all db)

Symbols, with B rows in the mini-batch and units[l] units in layer l (layer 0 is the input):

======================  ========================  =================================================
symbol                  shape                     meaning
======================  ========================  =================================================
``X``                   (n_samples, units[0])     the data, dense or sparse; never copied as a
                                                  whole
``Y``                   (n_samples, .)            targets: a class code, or one number per output
``A``                   (B, units[l])             output of layer l, what its units fire
``W``, ``b``            (units[l], units[l+1]),   weights and biases between layers l and l + 1
                        (units[l+1],)
``Z``                   (B, units[l+1])           weighted sums ``A W + b``, before the activation
``D`` (delta)           (B, units[l])             derivative of the loss by ``Z``
``dW``, ``db``, ``dA``  as W, b, A                derivative of the loss by ``W``, ``b``, ``A``
``params``              (n_parameters,)           every W, then every b, in one vector
``gradient``            (n_parameters,)           every dW, then every db, in the same order
``k``                   int                       a shard: the share of a mini-batch that one
                                                  thread takes through the network
======================  ========================  =================================================

Which kernel is which formula:

=================================  ================================================================
file and kernel                    formula
=================================  ================================================================
``rows.gather``                    A[0] = X[rows]
``embeddings.embed``               A[0] of a table's rows: waves of numbers, tables of categories
``affine.product``                 Z = A W (b comes with the activation), dW = A' D, dA = D W';
                                   or as in ``strips``, ``panels`` and ``pairs``
``activations.relu``, ...          A = f(Z + b)
``activations.relu_backward``      D = dA * f'(Z), from A
``outputs.softmax``, ...           A of the last layer
``losses.log_loss``, ...           loss(A, Y), and D of the last layer
``backprop.forward``               all layers, first to last
``backprop.loss_gradient``         all layers, last to first
``updates.combine_block``          gradient = (sum over shards + alpha W) / sum of weights; also
                                   ``combine_block_by_tree``, where the sum is a tree's
``updates.sgd``, ``adam``, ...     params -= step of the solver
``trees.tree_loop``                outputs += the leaf that a row reaches, tree by tree
``sharing.share``                  a loop over shards, blocks or tiles, by all who are free to help
``epoch.train_steps``              all of the above, once for each mini-batch
=================================  ================================================================

Conventions: results go into arguments that come last, workspaces come in, nothing is allocated in
a hot loop, kernels hold no random numbers, and each one also runs as plain Python.
"""
