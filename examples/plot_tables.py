"""
A table with categories and gaps
================================

Tumours are told apart by the shapes of their cells. Here the table is as tables are: one
measurement is given in words, a tenth of the cells is empty, and a column says nothing.
"""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import train_test_split

from fastnn import TabularClassifier, TabularRegressor
from fastnn.columns import describe
from fastnn.display import EmbeddingDisplay, EnsembleDisplay, IntervalDisplay

random = np.random.default_rng(0)
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X["mean radius"] = pd.qcut(X["mean radius"], 4, labels=["small", "medium", "large", "very large"])
X = X.mask(random.random(X.shape) < 0.1)
X["hospital"] = "Wisconsin"
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
model = TabularClassifier(effort="quick", random_state=0).fit(X_train, y_train)
print(f"{model.score(X_test, y_test):.1%} right, and {model.validation_score_:.1%} was promised")

# %%
# Nothing had to be said about the columns. This is what they were read as:

for column in (describe(model.columns_)[k] for k in (0, 1, -1)):
    print(column)

# %%
# The promise comes from the rows of each fold, which were predicted by models that had not seen
# them. The same predictions say what each kind of member is worth alone, and together:

EnsembleDisplay.from_estimator(model)
plt.show()

# %%
# Beside each number, networks learn a few waves of it, for what goes up and down with it. Of the
# worst concavity of a tumour's cells hardly any is wanted: the number itself, dotted, tells most.

EmbeddingDisplay.from_estimator(model, "worst concavity", X=X_train)
plt.show()

# %%
# Probabilities can be trusted: of the rows that get 80 %, eight of ten are benign.

CalibrationDisplay.from_predictions(
    y_train, model.oof_prediction_[:, 1], n_bins=6, strategy="quantile", name="benign"
)
plt.show()

# %%
# Where one answer is not certain enough, ask for a set of classes that holds the true one in 99 of
# 100 rows:

sets = model.predict_set(X_test, coverage=0.99)
print(f"{(sets.sum(axis=1) > 1).sum()} of {len(sets)} rows are given both classes")
held = sets[np.arange(len(y_test)), y_test].mean()
print(f"and {held:.1%} of the sets hold the true class")

# %%
# Numbers are given intervals in the same way. Of 442 people with diabetes, 300 are learnt from, and
# those of the others hold about as many of their values as was asked for:

X, y = load_diabetes(return_X_y=True, as_frame=True)
model = TabularRegressor(effort="quick", random_state=0).fit(X[:300], y[:300])
IntervalDisplay.from_estimator(model, X[300:], y[300:], coverage=0.9)
plt.show()
