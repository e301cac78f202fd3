"""
One network, several machines
=============================

Rows that lie in a `Dask <https://docs.dask.org>`_ cluster train a network there: its workers share
each mini-batch, and the model has the same bits whatever their number. Here the cluster is two
workers within this process; on a real one, ``Client("tcp://...")`` with its address is all that
differs.
"""

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from matplotlib import pyplot as plt

from fastnn import MLPClassifier, make_source
from fastnn.dask import DaskMLPClassifier, DaskTabularClassifier
from fastnn.display import LossCurveDisplay

cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
client = Client(cluster)

# %%
# Rows come in chunks, which the workers compute where they are. The class of a point in the plane
# is the arm of the spiral that it lies on.

random = da.random.default_rng(0)
radius = random.uniform(0.2, 1, size=20_000, chunks=2_500)
arm = random.integers(0, 3, size=20_000, chunks=2_500)
angle = 5 * radius + 2 * np.pi / 3 * arm + random.normal(0, 0.15, size=20_000, chunks=2_500)
X = da.stack([radius * da.cos(angle), radius * da.sin(angle)], axis=1).rechunk((2_500, 2))
X, y = X.persist(), arm.persist()
print(X)

# %%
# `batch_size` counts the rows of all workers: each has half of these 1000 in each step.

settings = {
    "hidden_layer_sizes": (32, 32),
    "batch_size": 1000,
    "learning_rate_init": 0.01,
    "max_iter": 300,
    "tol": 1e-3,
    "random_state": 0,
}
model = DaskMLPClassifier(**settings)
model.fit(X, y)
LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# Predictions are lazy: each chunk's are made by a worker when somebody asks.

print(model.predict_proba(X))

# %%
# What they are like in the plane, on a grid that is in memory:

side = np.linspace(-1.2, 1.2, 200)
grid = np.stack(np.meshgrid(side, side), axis=-1)
classes = model.predict(grid.reshape(-1, 2)).reshape(200, 200)
some_X, some_y = X[:500].compute(), y[:500].compute()
figure, ax = plt.subplots(figsize=(4.5, 4.5))
ax.contourf(side, side, classes, levels=[-0.5, 0.5, 1.5, 2.5], alpha=0.3)
ax.scatter(*some_X.T, c=some_y, s=8)
ax.set(aspect="equal", xticks=[], yticks=[])
plt.show()

# %%
# One machine that reads the same blocks comes to the same bytes, and so would twenty:

alone = MLPClassifier(**settings).fit(make_source(X, y))
print(all(np.array_equal(a, b) for a, b in zip(model.coefs_, alone.coefs_, strict=True)))

# %%
# An ensemble for tables has no step to share: each of its models trains on one thread of a worker.

ensemble = DaskTabularClassifier(effort="quick", random_state=0).fit(X[:2_000], y[:2_000])
print(f"{ensemble.score(X, y):.1%} right, and {ensemble.validation_score_:.1%} was promised")

client.close()
cluster.close()
