"""
4. Loss: the gap between output and answer
==========================================

To get better, a network needs a number that says how wrong it is. The **loss** of a row is that
number: small when the outputs are near the answer, large when they are far.

For classes the outputs are probabilities, and the loss is minus the logarithm of the one that the
right class was given: 0 for a sure and right answer, and more and more for a sure and wrong one.
For numbers it is half the squared gap between output and answer.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier
from fastnn.display import OutputDisplay

iris = load_iris()
X, y = StandardScaler().fit_transform(iris.data), iris.target
model = MLPClassifier((5,), solver="lbfgs", max_iter=500, alpha=1, random_state=1).fit(X, y)

probabilities = model.predict_proba(X)
losses = -np.log(probabilities[np.arange(len(y)), y])
best, worst = losses.argmin(), losses.argmax()

OutputDisplay.from_estimator(model, X[best], y[best], names=iris.target_names)
plt.title(f"the row with the smallest loss, {losses[best]:.2g}")
plt.show()

# %%
# Here the network is almost sure, and right. There is a row about which it is not:

OutputDisplay.from_estimator(model, X[worst], y[worst], names=iris.target_names)
plt.title(f"the row with the largest loss, {losses[worst]:.2g}")
plt.show()

# %%
# The bars are the outputs, the star is the right answer, and the gap between them is marked. The
# loss of all rows is the mean, and to it fastnn, as scikit-learn does, adds a small penalty for
# large weights, ``alpha / 2 * sum(W ** 2) / n_samples``:

penalty = sum((W**2).sum() for W in model.coefs_) / 2 / len(X)
print(f"{losses.mean():.4f} + {penalty:.4f} = {model.loss_:.4f}")
assert np.isclose(losses.mean() + penalty, model.loss_)

# %%
# How the two losses grow with the gap:

figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
p = np.linspace(0.01, 1, 200)
ax.plot(1 - p, -np.log(p), label="log-loss, p the right class's probability")
ax.plot(1 - p, (1 - p) ** 2 / 2, "--", label="half the squared gap")
ax.set(xlabel="gap, 1 - p", ylabel="loss of a row")
ax.legend()
plt.show()

# %%
# The kernel
# ----------
# Each loss gives its value and, in the same pass, the derivative D that the coming pages need.
#
# .. literalinclude:: /../fastnn/kernels/losses.py
#    :pyobject: log_loss
#
# Next: :ref:`which way is down? <sphx_glr_learn_plot_5_derivative.py>`
