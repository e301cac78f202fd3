"""
Imbalanced classes
==================

One row in twenty is of the class that matters. Minimizing the mean loss, a network gives most of
its attention to the other nineteen. Class weights change that, and so does the focal loss, which
counts rows less the better they are known.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import make_classification
from sklearn.metrics import PrecisionRecallDisplay, recall_score
from sklearn.model_selection import train_test_split

from fastnn import MLPClassifier

X, y = make_classification(
    4000, 10, n_informative=5, weights=[0.95], class_sep=0.8, flip_y=0.01, random_state=0
)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

shared = {"hidden_layer_sizes": (30,), "learning_rate_init": 0.01, "tol": 1e-3, "random_state": 0}
models = {
    "as it is": MLPClassifier(**shared),
    "class_weight='balanced'": MLPClassifier(class_weight="balanced", **shared),
    "loss='focal'": MLPClassifier(loss="focal", **shared),
}
recalls = {}
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for (name, model), dash in zip(models.items(), ["-", "--", ":"], strict=True):
    model.fit(X_train, y_train)
    recalls[name] = recall_score(y_test, model.predict(X_test))
    PrecisionRecallDisplay.from_estimator(
        model, X_test, y_test, name=name, ax=ax, curve_kwargs={"ls": dash}
    )
ax.set_title("rows of the rare class")
plt.show()

# %%
# The curves say how well the classes can be told apart at any threshold. Class weights do not
# improve that; what they move is the threshold at which ``predict`` says yes, and so the share of
# the rare rows that it finds:

for name, recall in recalls.items():
    print(f"{name:25} finds {recall:.0%} of the rare rows")
assert recalls["class_weight='balanced'"] > recalls["as it is"]

# %%
# Which of the two you want depends on what a row missed costs, and what a false alarm does. With
# class weights, the probabilities are no longer those of the data; without them they are, and you
# may set a threshold of your own by :class:`sklearn.model_selection.TunedThresholdClassifierCV`.

figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=True):
    probability = model.predict_proba(X_test)[:, 1]
    for kind, label in enumerate(["frequent", "rare"]):
        look = {"histtype": "stepfilled" if kind == 0 else "step", "lw": 2, "label": label}
        ax.hist(probability[y_test == kind], bins=20, range=(0, 1), density=True, **look)
    ax.set(title=name, xlabel="probability of rare")
axes[0].set_ylabel("density of rows")
axes[0].legend()
plt.show()
