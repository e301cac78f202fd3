"""
Reading a network's weights
===========================

A network is arrays of numbers, and they can be looked at: weights, outputs of hidden layers, and
how one answer comes about.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier
from fastnn.display import NetworkDisplay, WeightsDisplay

wine = load_wine()
X, y = StandardScaler().fit_transform(wine.data), wine.target
model = MLPClassifier((3,), "tanh", solver="lbfgs", alpha=1.0, random_state=0).fit(X, y)
print(model.summary())

# %%
# The weights of the first layer: one row for each feature, one column for each unit.

WeightsDisplay.from_estimator(model, input_names=wine.feature_names)
plt.show()

# %%
# Features by the size of their weights. It is a first look and no more: scikit-learn's
# :func:`sklearn.inspection.permutation_importance` measures what a feature is worth.

size = np.linalg.norm(model.coefs_[0], axis=1)
order = size.argsort()
figure, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
ax.barh(np.array(wine.feature_names)[order], size[order])
ax.set_xlabel("norm of a feature's weights")
plt.show()

# %%
# The whole network for one wine: what each unit puts out, and with the right answer, the derivative
# that flows back.

NetworkDisplay.from_estimator(
    model,
    X[80],
    y[80],
    input_names=wine.feature_names,
    output_names=wine.target_names,
    max_units=13,
)
plt.show()

# %%
# A hidden layer turns rows into others in which the classes lie apart. In two dimensions, before
# and after:

figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
hidden = model.hidden_activations(X, 0)
for ax, rows, title in zip(axes, [X, hidden], ["features", "hidden layer"], strict=True):
    points = PCA(2).fit_transform(rows)
    for kind, marker in enumerate("o^s"):
        ax.scatter(*points[y == kind].T, marker=marker, s=20, label=wine.target_names[kind])
    ax.set_title(title)
axes[0].legend()
plt.show()

# %%
# ``coefs_`` and ``intercepts_`` are the network itself. Values set by hand are the ones that
# predict: with one unit switched off,

without = MLPClassifier((3,), "tanh", solver="lbfgs", alpha=1.0, random_state=0).fit(X, y)
for unit in range(3):
    kept = without.coefs_[1][unit].copy()
    without.coefs_[1][unit] = 0
    print(f"without unit {unit}: {without.score(X, y):.1%} of the training rows are right")
    without.coefs_[1][unit] = kept
assert without.score(X, y) == model.score(X, y)
