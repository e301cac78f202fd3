"""
9. Your own network in 40 lines
===============================

Everything from the pages before, in NumPy and without a library: initial weights, mini-batches,
forward, loss, backward, Adam.
"""

import numpy as np


def softmax(Z):
    e = np.exp(Z - Z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forward(X, Ws, bs):
    A = [X]  # the outputs of every layer
    for W, b in zip(Ws, bs, strict=True):
        Z = A[-1] @ W + b
        A.append(softmax(Z) if W is Ws[-1] else np.maximum(Z, 0))
    return A


def gradient(X, Y, Ws, bs, alpha=1e-4):
    A = forward(X, Ws, bs)
    D, dWs, dbs = A[-1] - Y, [], []
    for l in reversed(range(len(Ws))):
        dWs.insert(0, (A[l].T @ D + alpha * Ws[l]) / len(X))
        dbs.insert(0, D.mean(axis=0))
        D = (D @ Ws[l].T) * (A[l] > 0)
    return dWs + dbs


def train(X, Y, units, epochs, seed, batch=200, rate=0.001):
    random, order = np.random.RandomState(seed), np.arange(len(X))
    Ws, bs = [], []
    for m, n in zip(units[:-1], units[1:], strict=True):
        bound = np.sqrt(6 / (m + n))
        Ws.append(random.uniform(-bound, bound, (m, n)))
        bs.append(random.uniform(-bound, bound, n))
    moments, t = [[0.0, 0.0] for _ in Ws + bs], 0
    for _ in range(epochs):
        shuffle = np.arange(len(X))
        random.shuffle(shuffle)
        order = order[shuffle]
        for start in range(0, len(X), batch):
            rows, t = order[start : start + batch], t + 1
            step = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            for p, g, m in zip(Ws + bs, gradient(X[rows], Y[rows], Ws, bs), moments, strict=True):
                m[:] = 0.9 * m[0] + 0.1 * g, 0.999 * m[1] + 0.001 * g**2
                p -= step * m[0] / (np.sqrt(m[1]) + 1e-8)
    return Ws, bs


# %%
# On the digits, beside fastnn, from the same seed:

import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastnn import MLPClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

Ws, bs = train(X_train, np.eye(10)[y_train], [64, 30, 20, 10], epochs=20, seed=0)

model = MLPClassifier((30, 20), max_iter=20, random_state=0)
with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    model.fit(X_train, y_train)  # twenty epochs, converged or not

# %%
# The same numbers?

yours = forward(X_test, Ws, bs)[-1]
fastnns = model.predict_proba(X_test)
print(f"largest difference of a probability: {abs(yours - fastnns).max():.1e}")
np.testing.assert_allclose(yours, fastnns, atol=1e-6)
for mine, theirs in zip(Ws + bs, model.coefs_ + model.intercepts_, strict=True):
    np.testing.assert_allclose(mine, theirs, atol=1e-6)

# %%
# And a look at what they have learned: an image that neither has trained on,

from matplotlib import pyplot as plt

from fastnn.display import NetworkDisplay, OutputDisplay

right = (yours.argmax(axis=1) == y_test).mean()
figure, ax = plt.subplots(figsize=(3, 3), layout="constrained")
ax.imshow(X_test[0].reshape(8, 8), cmap="gray_r")
ax.set(title=f"a {y_test[0]}", xticks=[], yticks=[])
plt.show()

# %%
# what your network makes of it,

print(f"{right:.1%} of all test images are right")
OutputDisplay.from_predictions(y_test[0], yours[0])
plt.show()

# %%
# and fastnn's, which is the same, with the derivatives that one more step would follow:

NetworkDisplay.from_estimator(model, X_test[0], y_test[0])
plt.show()

# %%
# The rest of fastnn is other activations, losses and solvers, data of every kind, and speed. The
# tests compare every kernel with NumPy as you just did: see ``tests/reference.py`` in the
# repository.
