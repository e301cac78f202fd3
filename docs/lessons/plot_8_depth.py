"""
8. More layers
==============

A second hidden layer takes the outputs of the first as its inputs, and so combines combinations.
Nothing new is needed: forward is the same step once more, and so is backward.

Two spirals, with a network of one, two and three hidden layers:
"""

import numpy as np
from matplotlib import pyplot as plt

from fastnn import MLPClassifier
from fastnn.display import NetworkDisplay, WeightsDisplay

turn = np.sqrt(np.random.default_rng(0).uniform(0.02, 1, 125)) * 3.2 * np.pi
spiral = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=1) / 10
X, y = np.concatenate([spiral, -spiral]), np.repeat([0, 1], 125)

grid = np.linspace(-1.1, 1.1, 201)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, hidden in zip(axes, [(8,), (8, 8), (8, 8, 8)], strict=True):
    model = MLPClassifier(
        hidden, "tanh", solver="lbfgs", max_iter=5000, max_fun=50000, random_state=0
    )
    model.fit(X, y)
    surface = model.predict_proba(points)[:, 1].reshape(201, 201)
    ax.contourf(grid, grid, surface, levels=11, cmap="PuOr")
    ax.scatter(*X.T, c=y, cmap="gray", edgecolor="black", s=8)
    ax.set_title(f"{hidden}, {model.n_parameters_} numbers: {model.score(X, y):.0%}")
plt.show()

# %%
# The deepest of them for one point, forward and backward:

NetworkDisplay.from_estimator(model, X[100], y[100])
plt.show()

# %%
# A deep network is harder to begin with: each layer multiplies, so that numbers fade or explode
# from layer to layer unless the initial weights have the right size. Here is what four layers put
# out for weights drawn too small, right (the default), and too large. One step of training, so
# that they are as good as untouched:


def draw_outputs(weight_init):
    start = MLPClassifier((50,) * 4, "tanh", weight_init=weight_init, learning_rate_init=1e-6)
    start.set_params(random_state=0).partial_fit(X, y, classes=[0, 1])
    display = WeightsDisplay.from_estimator(start, X)
    display.figure_.suptitle(f"weight_init={weight_init!r}")


draw_outputs(0.05)
plt.show()

# %%
# They fade: each layer's outputs are closer to zero than those of the layer before.

draw_outputs("auto")
plt.show()

# %%
# They keep their size.

draw_outputs(1.0)
plt.show()

# %%
# They are all at the ends of tanh, where its slope is almost zero and little is learned.
#
# The kernels
# -----------
# Forward through all layers:
#
# .. literalinclude:: /../fastnn/kernels/backprop.py
#    :pyobject: forward
#
# And backward:
#
# .. literalinclude:: /../fastnn/kernels/backprop.py
#    :pyobject: loss_gradient
#
# Next: :ref:`write your own <sphx_glr_learn_plot_9_your_own.py>`.
