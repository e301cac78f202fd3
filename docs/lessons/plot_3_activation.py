"""
3. Activation
=============

Two layers of weighted sums are no more than one: (A V) W is A times the one matrix V W.
What makes the second layer worth having is a bend between the two, a function applied to each
number by itself: the **activation**,

    A = f(Z)

The usual one is the ReLU, max(z, 0): a unit is silent until its sum is positive. Below, each
function is drawn with its derivative, of which more later.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import make_moons

from fastnn import MLPClassifier
from fastnn.display import ActivationDisplay

ActivationDisplay.from_names(["identity", "relu", "tanh", "logistic", "gelu", "silu"])
plt.show()

# %%
# Two half-moons cannot be divided by a line. The same network of 16 units, without a bend
# ("identity") and with one:

X, y = make_moons(250, noise=0.15, random_state=0)
grid = np.linspace(-2, 3, 201)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
scores = {}
for ax, activation in zip(axes, ["identity", "relu", "tanh"], strict=True):
    model = MLPClassifier((16,), activation, solver="lbfgs", max_iter=2000, random_state=0)
    scores[activation] = model.fit(X, y).score(X, y)
    surface = model.predict_proba(points)[:, 1].reshape(201, 201)
    ax.contourf(grid, grid, surface, levels=11, cmap="PuOr")
    ax.scatter(*X.T, c=y, cmap="gray", edgecolor="black", s=12)
    ax.set(title=f"{activation}: {scores[activation]:.0%} right", xlim=(-2, 3), ylim=(-1.5, 2))
plt.show()

# %%
# Without a bend the boundary stays a straight line. ReLU's boundary has corners, one for each unit
# that it crosses, and tanh's is smooth.

assert scores["identity"] < 0.9 < 0.95 < scores["relu"]

# %%
# The kernel
# ----------
# In place, so that Z becomes A, with the bias added on the way:
#
# .. literalinclude:: /../fastnn/kernels/activations.py
#    :pyobject: relu
#
# Next: :ref:`how wrong is an answer? <sphx_glr_learn_plot_4_loss.py>`
