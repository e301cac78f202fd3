"""
A grid search under joblib
==========================

Searches of scikit-learn run as they are. Where joblib has started several processes or threads,
each network uses one thread by itself, so that the machine is not asked for more than it has.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier
from fastnn.display import LossCurveDisplay

X, y = load_breast_cancer(return_X_y=True)
pipeline = make_pipeline(
    StandardScaler(), MLPClassifier(max_iter=200, tol=1e-3, learning_rate_init=0.01, random_state=0)
)
grid = {
    "mlpclassifier__alpha": [1e-4, 1e-2, 1, 10],
    "mlpclassifier__hidden_layer_sizes": [(5,), (20,), (50,), (20, 20)],
}
search = GridSearchCV(pipeline, grid, cv=5, n_jobs=2).fit(X, y)
print(f"best: {search.best_params_}, {search.best_score_:.1%} right in cross-validation")

# %%
# All of the grid:

scores = search.cv_results_["mean_test_score"].reshape(4, 4)
figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
image = ax.imshow(scores, cmap="cividis")
sizes = [str(size) for size in grid["mlpclassifier__hidden_layer_sizes"]]
ax.set(xticks=range(4), xticklabels=sizes, xlabel="hidden_layer_sizes")
ax.set(yticks=range(4), yticklabels=grid["mlpclassifier__alpha"], ylabel="alpha")
figure.colorbar(image, label="accuracy")
plt.show()

# %%
# The display finds the network within the search:

LossCurveDisplay.from_estimator(search)
plt.show()
