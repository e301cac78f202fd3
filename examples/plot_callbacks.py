"""
Early stopping and callbacks
============================

When to stop, what to keep, and what to watch while a network learns.
"""

import tempfile
from pathlib import Path

import joblib
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from fastnn import MLPClassifier
from fastnn.callbacks import Checkpoint, NormRecorder, TargetReached
from fastnn.display import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)

# %%
# ``early_stopping`` sets rows aside, or takes those given as ``X_val``, stops when their score no
# longer improves, and ends with the weights of the best epoch. Any scorer of scikit-learn will do:

model = MLPClassifier(
    (50,), early_stopping=True, scoring="neg_log_loss", learning_rate_init=0.02, random_state=0
)
model.fit(X_train, y_train, X_val=X_test, y_val=y_test)
best = model.validation_scores_.index(model.best_validation_score_)
print(f"stopped after {model.n_iter_} epochs, with the weights of epoch {best + 1}")
LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# Callbacks follow scikit-learn's protocol: set on an estimator, they are told when each epoch ends.
# One here writes the model to a file every ten epochs, one stops at a loss that is good enough,
# one keeps the sizes of weights and gradients:

folder = tempfile.TemporaryDirectory()
path = Path(folder.name, "model.joblib")
norms = NormRecorder()
watched = MLPClassifier((50, 50), tol=1e-3, random_state=0)
watched.set_callbacks(Checkpoint(path, every=10), TargetReached(0.05, "loss"), norms)
watched.fit(X_train, y_train)
print(f"loss {watched.loss_:.4f} after {watched.n_iter_} epochs")
assert watched.loss_ <= 0.05

# %%
# The norms show whether all layers learn. A gradient that grows without bound would need
# ``max_grad_norm`` or a smaller learning rate:

figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
axes[0].plot(norms.weight_norms_, label=["layer 0", "layer 1", "output"])
axes[0].set(title="weights", xlabel="epoch", ylabel="norm")
axes[1].semilogy(norms.gradient_norms_)
axes[1].set(title="gradients", xlabel="epoch")
for ax in axes:
    for line, dash in zip(ax.lines, ["-", "--", ":"], strict=True):
        line.set_linestyle(dash)
axes[0].legend()
plt.show()

# %%
# From the file, the training goes on to the same bits as if it had never stopped:

resumed = joblib.load(path).resume(X_train, y_train)
print(f"from epoch {watched.n_iter_ // 10 * 10} on to epoch {resumed.n_iter_}")
folder.cleanup()

# %%
# A callback of your own is a class with four methods:


class Printer:
    """Print the loss of every tenth epoch."""

    def setup(self, estimator, context):
        self.n_epochs = 0

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch":
            self.n_epochs += 1
            if self.n_epochs % 10 == 0:
                print(f"epoch {self.n_epochs}: loss {fitted_estimator.loss_curve_[-1]:.4f}")

    def teardown(self, estimator, context):
        pass


printing = MLPClassifier((50,), tol=0.01, random_state=0).set_callbacks(Printer())
printing.fit(X_train, y_train)
