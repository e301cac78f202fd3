"""
10. From one network to many
============================

Train one network twice, from other initial weights, and you get two answers. Neither is right;
their mean is nearer to it than each of them. That is the cheapest step from a good model to a
better one, and it is how :class:`fastnn.TabularClassifier` and
:class:`fastnn.TabularRegressor` work.
"""

import numpy as np
from matplotlib import pyplot as plt

from fastnn import MLPRegressor, TabularRegressor

random = np.random.default_rng(0)


def truth(x):
    return np.sin(3 * x) + 0.5 * x


x = random.uniform(-2, 2, 100)
y = truth(x) + random.normal(0, 0.3, x.size)
grid = np.linspace(-2.2, 2.2, 200)
networks = [
    MLPRegressor(
        hidden_layer_sizes=(50, 50),
        activation="tanh",
        solver="lbfgs",
        alpha=0.01,
        max_iter=5000,
        random_state=seed,
    ).fit(x[:, None], y)
    for seed in range(8)
]
answers = np.array([network.predict(grid[:, None]) for network in networks])

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(grid, answers.T, color="C0", lw=0.8, alpha=0.5)
ax.plot(grid, answers.mean(axis=0), color="C0", lw=2.5, label="their mean")
ax.plot(grid, truth(grid), color="black", ls=":", label="the truth")
ax.plot(x, y, "o", color="C1", ms=4, label="100 rows")
ax.set(title="eight networks that differ in their seed alone", ylim=(-3, 3))
ax.legend()
plt.show()

# %%
# How much is gained follows from a formula. The squared error of the mean is the mean squared error
# of the members, less their spread around their mean (Krogh and Vedelsby, NIPS 1994)::
#
#     (mean - truth)^2 = mean of (member - truth)^2 - mean of (member - mean)^2
#
# So members should be good, and differ.

inside = np.abs(grid) < 2
gaps = answers[:, inside] - truth(grid[inside])
of_mean = np.mean(gaps.mean(axis=0) ** 2)
of_members, spread = np.mean(gaps**2), np.mean(gaps.var(axis=0))
print(f"a member {of_members:.4f} - spread {spread:.4f} = their mean {of_mean:.4f}")
assert np.isclose(of_members - spread, of_mean)

# %%
# Other seeds are the least difference there is. Networks of other sizes differ more, and trees
# differ from networks in kind: they see steps where networks see curves. How much each should count
# is best asked of rows that it has not seen. Divide the rows into five folds, train every model on
# four and let it predict the fifth; each row then has a prediction by a model that does not know
# it, and the weights are those with which the mean of these predictions is best.

model = TabularRegressor(effort="quick", random_state=0).fit(x[:, None], y)
for member in model.members_:
    print(f"{member['kind']:12}  loss {member['loss']:.3f}  weight {member['weight']:.2f}")
print(f"all together  loss {model.validation_loss_:.3f}")

# %%
# The same predictions say how far a new row may be off. Its interval is as wide as it has to be for
# nine of ten of the rows held out:

intervals = model.predict_interval(grid[:, None], coverage=0.9)
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.fill_between(grid, *intervals.T, color="C0", alpha=0.2, label="nine rows of ten")
ax.plot(grid, model.predict(grid[:, None]), color="C0", label="networks and trees")
ax.plot(grid, truth(grid), color="black", ls=":", label="the truth")
ax.plot(x, y, "o", color="C1", ms=4)
ax.set(ylim=(-3, 3))
ax.legend()
plt.show()
