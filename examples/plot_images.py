"""
Images of 28 by 28 pixels
=========================

As many pixels as MNIST's images have: scikit-learn's digits, enlarged, so that nothing is
downloaded. Single precision, as images need no more, takes half the memory.
"""

import warnings

import numpy as np
from matplotlib import pyplot as plt
from scipy.ndimage import zoom
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastnn import MLPClassifier
from fastnn.display import LossCurveDisplay, WeightsDisplay

X, y = load_digits(return_X_y=True)
images = np.stack([zoom(image.reshape(8, 8) / 16, 3.5, order=1) for image in X])
X = images.reshape(len(images), -1).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
print(f"{X_train.shape[0]} images of {X_train.shape[1]} pixels, {X.dtype}")

# %%
# Dropout leaves out three in ten hidden outputs of each mini-batch, others each time, so that no
# unit relies on a single other one. A one-cycle schedule raises the learning rate and lowers it to
# almost nothing within ``max_iter`` epochs.

model = MLPClassifier(
    (200, 100),
    dropout=0.3,
    weight_init=0.02,  # small, so that what is learned stands out from what was drawn
    solver="adamw",
    learning_rate="one_cycle",
    learning_rate_init=0.005,
    max_iter=30,
    n_iter_no_change=30,
    random_state=0,
)
with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
    # The schedule ends with max_iter, converged or not.
    model.fit(X_train, y_train, X_val=X_test, y_val=y_test)
print(f"{model.score(X_test, y_test):.1%} right after {model.n_iter_} epochs")
print(model.summary())
LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# What the first layer looks at: the weights of its units, as images. Blue adds, orange subtracts.

WeightsDisplay.from_estimator(model, image_shape=(28, 28), max_units=24)
plt.show()

# %%
# And how the outputs of each hidden layer are spread. Units that are zero for every image would
# have died.

WeightsDisplay.from_estimator(model, X_test)
plt.show()
