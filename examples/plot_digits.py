"""
Handwritten digits
==================

A pipeline of scikit-learn with a network at its end, and a look at what it gets wrong.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from fastnn import MLPClassifier
from fastnn.display import LossCurveDisplay, OutputDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

model = make_pipeline(
    MinMaxScaler(),
    MLPClassifier((100,), learning_rate_init=0.01, early_stopping=True, random_state=0),
)
model.fit(X_train, y_train)
print(f"{model.score(X_test, y_test):.1%} of the test images are right")
LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# Which digits are taken for which:

ConfusionMatrixDisplay.from_estimator(model, X_test, y_test, colorbar=False)
plt.show()

# %%
# The test image that the network finds hardest, and what it says about it:

probability = model.predict_proba(X_test)[range(len(y_test)), y_test]
hardest = probability.argmin()
figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
axes[0].imshow(X_test[hardest].reshape(8, 8), cmap="gray_r")
axes[0].set_title(f"a {y_test[hardest]}")
OutputDisplay.from_estimator(model, X_test[hardest], y_test[hardest], ax=axes[1])
plt.show()
