"""
6. Back-propagation
===================

A network is such a graph with matrices in its boxes: product, bias, activation, product, bias,
output, loss. **Back-propagation** goes through it once, from the loss to the first layer, and
finds the derivative by every weight on the way (Rumelhart, Hinton and Williams, 1986).
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier, check_gradient
from fastnn.display import GraphDisplay, NetworkDisplay

iris = load_iris()
X, y = StandardScaler().fit_transform(iris.data), iris.target
model = MLPClassifier(
    (3,), "tanh", solver="lbfgs", max_iter=10, alpha=0.1, tol=1e-1, random_state=1
)
model.fit(X, y)

GraphDisplay.from_estimator(model, X[70], y[70], layer=1)
plt.show()

# %%
# This is the last layer for one flower. A is what the three hidden units put out, W and b are the
# layer's weights and biases, @ is the product A W, and beneath each value stands, after ∂, the
# derivative of the loss by it. Two rules suffice for the whole of it. With D the derivative by a
# layer's weighted sums Z = A W + b, and A' and W' for A and W with rows and columns exchanged:
#
# ==================  ===============================  =========================================
# through             derivative                       in words
# ==================  ===============================  =========================================
# the product         dW = A' D, dA = D W'             times the other factor, as in y = a b + c
# the bias            db = the column sums of D        a sum hands on what it gets
# the activation      D = dA * f'(Z)                   times the slope, number by number
# ==================  ===============================  =========================================
#
# And at the very end, for log-loss after softmax, D is simply outputs minus answers. In NumPy:

A = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])  # forward
P = model.predict_proba(X)

D = (P - np.eye(3)[y]) / len(X)  # backward: the loss
dW_2, db_2 = A.T @ D, D.sum(axis=0)  # the second layer
D = (D @ model.coefs_[1].T) * (1 - A**2)  # through its product and the first layer's tanh
dW_1, db_1 = X.T @ D, D.sum(axis=0)  # the first layer

# %%
# Is it right? Move one weight a little and see what the loss does:


def loss(W_1):
    hidden = np.tanh(X @ W_1 + model.intercepts_[0])
    Z = hidden @ model.coefs_[1] + model.intercepts_[1]
    return np.mean(np.log(np.exp(Z).sum(axis=1)) - Z[np.arange(len(y)), y])


h = np.zeros_like(model.coefs_[0])
h[2, 1] = 1e-6
by_difference = (loss(model.coefs_[0] + h) - loss(model.coefs_[0] - h)) / 2e-6
print(f"back-propagation {dW_1[2, 1]:.8f}, difference {by_difference:.8f}")
assert np.isclose(dW_1[2, 1], by_difference, rtol=1e-5)

# %%
# :func:`fastnn.check_gradient` does so for the kernels, and gives the largest relative error of
# each layer:

print(check_gradient(model, X[:20], y[:20]))
assert max(check_gradient(model, X[:20], y[:20])) < 1e-4

# %%
# Forward and backward in one picture: for one flower, what each unit puts out, and how its
# derivative flows back along the links.

NetworkDisplay.from_estimator(model, X[70], y[70], output_names=iris.target_names)
plt.show()

# %%
# The kernels
# -----------
# Through the product: ``dA = D W'`` and ``dW = A' D`` are products like that of the way forward,
# and one kernel serves all three. Each layer of the way back takes both, last to first:
#
# .. literalinclude:: /../fastnn/kernels/backprop.py
#    :pyobject: loss_gradient
#
# Through the activation, with the sums for the bias:
#
# .. literalinclude:: /../fastnn/kernels/activations.py
#    :pyobject: tanh_backward
#
# Next: :ref:`again and again <sphx_glr_learn_plot_7_loop.py>`.
