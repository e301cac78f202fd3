"""
1. A unit
=========

A unit takes some numbers x, such as the measures of a flower: one row of a table. It multiplies
each by a **weight** w, adds them up, and adds a **bias** b:

    z = x[0] w[0] + x[1] w[1] + ... + b

What comes out is large where the row points the way that the weights do. Rosenblatt's
perceptron (1958) said "yes" where z > 0. Here z goes through the logistic function,
1 / (1 + exp(-z)), which turns it into a probability: the smooth form of the same yes and no.

Two kinds of iris, told apart by the length and width of their petals. With no hidden layer, the
network is one unit:
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier
from fastnn.display import NetworkDisplay

iris = load_iris()
kinds = iris.target > 0  # versicolor and virginica
X = StandardScaler().fit_transform(iris.data[kinds, 2:])
y = iris.target[kinds] - 1

unit = MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", random_state=0).fit(X, y)
NetworkDisplay.from_estimator(
    unit, X[20], input_names=["petal length", "petal width"], output_names=["virginica"]
)
plt.show()

# %%
# The picture shows one flower: its two numbers, the two weights as links (solid and blue, as both
# are positive), and the unit's answer. The same by hand:

w, b = unit.coefs_[0][:, 0], unit.intercepts_[0][0]
z = X[20] @ w + b
probability = 1 / (1 + np.exp(-z))
print(f"weights {w.round(2)}, bias {b:.2f}: z = {z:.3f}, probability = {probability:.3f}")
assert np.isclose(probability, unit.predict_proba(X[20:21])[0, 1])

# %%
# The weights are a direction, and the bias says how far along it the answer changes. All points
# with z = 0 are a line, and a single unit can do no more than divide space by one:

grid = np.linspace(-2.5, 2.5, 201)
points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
surface = unit.predict_proba(points)[:, 1].reshape(201, 201)
figure, ax = plt.subplots(figsize=(5, 4))
filled = ax.contourf(grid, grid, surface, levels=11, cmap="PuOr")
ax.contour(grid, grid, surface, levels=[0.5], colors="black")
for kind, marker in [(0, "o"), (1, "^")]:
    ax.scatter(*X[y == kind].T, marker=marker, edgecolor="black", label=iris.target_names[kind + 1])
ax.set(xlabel="petal length", ylabel="petal width")
ax.legend()
figure.colorbar(filled, label="probability of virginica")
plt.show()

# %%
# The kernel
# ----------
# ``outputs.logistic`` adds the bias to the weighted sums Z and applies the function, in place:
#
# .. literalinclude:: /../fastnn/kernels/outputs.py
#    :pyobject: logistic
#
# Next: :ref:`many units at once <sphx_glr_learn_plot_2_layer.py>`.
