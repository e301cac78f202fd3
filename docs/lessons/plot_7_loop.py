"""
7. The loop
===========

Training is a loop: take some rows (a **mini-batch**), go forward, measure the loss, go backward,
and take from every weight a little of its derivative. Once through all rows is an **epoch**.
The size of the little is the **learning rate**.

Mini-batches, since a hundred rows tell the direction almost as well as all do, and then one
epoch makes many steps instead of one.
"""

import warnings

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastnn import MLPClassifier
from fastnn.display import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

model = MLPClassifier((30,), learning_rate_init=0.01, max_iter=200, tol=1e-3, random_state=0)
model.fit(X_train, y_train, X_val=X_test, y_val=y_test)
LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# The loss falls quickly, then slowly. The dashed curve is the loss of rows that the network has not
# learned from, and is the one that counts: where it rises while the solid one still falls, the
# network learns its rows by heart. The dotted curve, on the right axis, is the share of those rows
# that it gets right; ``early_stopping=True`` stops where that no longer rises.
#
# The learning rate matters most. Too small, and nothing happens; too large, and each step jumps
# over the goal:

rates = [0.0001, 0.01, 0.3]
models = [
    MLPClassifier((30,), learning_rate_init=rate, max_iter=40, n_iter_no_change=40, random_state=0)
    for rate in rates
]
with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    for model in models:  # forty epochs, converged or not
        model.fit(X_train, y_train)
LossCurveDisplay.from_estimator(models, name=[f"rate {rate}" for rate in rates], log_scale=True)
plt.show()
assert min(models, key=lambda model: model.loss_) is models[1]

# %%
# The kernels
# -----------
# ``sgd`` is gradient descent with a memory of the last step (momentum), so that it does not zigzag:
#
# .. literalinclude:: /../fastnn/kernels/updates.py
#    :pyobject: sgd
#
# ``adam``, the default, gives each weight its own step size, from the mean of its derivatives and
# of their squares:
#
# .. literalinclude:: /../fastnn/kernels/updates.py
#    :pyobject: adam
#
# And this is the loop itself, one call for an epoch, or for several where nobody looks in between:
#
# .. literalinclude:: /../fastnn/kernels/epoch.py
#    :pyobject: train_steps
#
# Next: :ref:`what more layers are good for <sphx_glr_learn_plot_8_depth.py>`.
