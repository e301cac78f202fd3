"""
Quantile regression
===================

How far off may a prediction be? A quantile is the value that a given share of the answers lies
below. One network predicts several of them at once, and they never cross.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.preprocessing import StandardScaler

from fastnn import MLPRegressor
from fastnn.display import OutputDisplay

rng = np.random.default_rng(0)
x = rng.uniform(0, 10, 2000)
y = np.sin(x) + 0.1 * x + rng.gamma(1.5, 0.05 + 0.05 * x)  # skewed, wider to the right
scaler = StandardScaler()
X = scaler.fit_transform(x[:, np.newaxis])

levels = [0.05, 0.25, 0.5, 0.75, 0.95]
model = MLPRegressor(
    hidden_layer_sizes=(50, 50),
    loss="quantile",
    quantile=levels,
    learning_rate="exponential",  # smaller and smaller steps, so that the last ones settle
    learning_rate_init=0.01,
    tol=1e-4,
    random_state=0,
).fit(X, y)

grid = np.linspace(0, 10, 300)
quantiles = model.predict(scaler.transform(grid[:, np.newaxis]))
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.scatter(x, y, s=4, color="0.6")
ax.fill_between(grid, quantiles[:, 0], quantiles[:, 4], alpha=0.25, label="5 % to 95 %")
ax.fill_between(grid, quantiles[:, 1], quantiles[:, 3], alpha=0.5, label="25 % to 75 %")
ax.plot(grid, quantiles[:, 2], color="black", label="median")
ax.legend()
plt.show()

# %%
# Is it true? For new data of the same kind, the share of answers below each quantile:

x_new = rng.uniform(0, 10, 5000)
y_new = np.sin(x_new) + 0.1 * x_new + rng.gamma(1.5, 0.05 + 0.05 * x_new)
predicted = model.predict(scaler.transform(x_new[:, np.newaxis]))
shares = (y_new[:, np.newaxis] <= predicted).mean(axis=0)
for level, share in zip(levels, shares, strict=True):
    print(f"quantile {level:.2f}: {share:.3f} of the new answers are below")
assert np.abs(shares - levels).max() < 0.05
assert (np.diff(predicted, axis=1) >= 0).all()  # they never cross

# %%
# One prediction, with its answer:

OutputDisplay.from_estimator(model, X[0], y[0])
plt.show()
