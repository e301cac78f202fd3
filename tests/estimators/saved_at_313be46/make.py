"""Write models as fastnn at 313be46 saved them, and what they predict and go on to.

To be run in a checkout of that commit, with this folder as the argument: the files here came of it.
"""

import contextlib
import json
import math
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier, MLPRegressor, MLPTransformer
from fastnn.callbacks import Checkpoint, NormRecorder, TimeLimit
from fastnn.cli import main

EPOCHS = 6  # that the models go on to
warnings.simplefilter("ignore")
folder = Path(sys.argv[1])

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 3))
classes, numbers = np.array(["a", "b", "c"])[X.argmax(axis=1)], X[:, 0] * X[:, 1]
small = {"hidden_layer_sizes": (4, 3), "max_iter": 3, "batch_size": 16, "random_state": 0}


def classifier(**parameters):
    return MLPClassifier(**{**small, **parameters})


def regressor(**parameters):
    return MLPRegressor(**{**small, **parameters})


adaptive = {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5}
normalized = {"normalization": "batch", "dropout": 0.2, "learning_rate": "cosine", "warmup": 1}
models = {
    "classifier": classifier().fit(X, classes),
    # The last weights differ from the best, so that both are in the file.
    "best": classifier(**adaptive, early_stopping=True, validation_fraction=0.3).fit(X, classes),
    "regressor": regressor(solver="adamw", amsgrad=True, **normalized).fit(X, numbers),
    "float32": regressor(solver="rmsprop").fit(X.astype(np.float32), numbers.astype(np.float32)),
    "function": regressor(solver="sgd", learning_rate=math.erfc).fit(X, numbers),
    "lbfgs": regressor(solver="lbfgs").fit(X, numbers),
    "partial": classifier(solver="nadam").partial_fit(X, classes, classes=["a", "b", "c"]),
    "targets": classifier().fit(X, np.column_stack([classes, classes[::-1]])),
    "pipeline": make_pipeline(StandardScaler(), classifier()).fit(X, classes),
    "transformer": MLPTransformer(classifier(), layer=0).fit(X, classes),
    "callbacks": classifier().set_callbacks(NormRecorder(), TimeLimit(1e9)).fit(X, classes),
}
checkpoint = folder / "checkpoint.joblib"
classifier().set_callbacks(Checkpoint(checkpoint, every=2)).fit(X, classes)
models["checkpoint"] = joblib.load(checkpoint)

FORMS = {
    "pickle": ["best", "regressor", "function", "callbacks", "transformer"],
    "joblib": ["regressor", "float32", "lbfgs", "partial", "targets"],
    "skops": ["classifier", "best", "regressor", "pipeline"],
}


def go_on(model):
    """Train on, as the test does."""
    y = numbers if isinstance(model, MLPRegressor) else classes
    if hasattr(model, "classes_") and isinstance(model.classes_, list):
        y = np.column_stack([classes, classes[::-1]])
    if model.solver == "nadam":
        return model.partial_fit(X, y)
    data = X.astype(model.coefs_[0].dtype), y
    return model.set_params(max_iter=EPOCHS).resume(*data)


for name in FORMS["pickle"]:
    (folder / f"{name}.pickle").write_bytes(pickle.dumps(models[name]))
for name in FORMS["joblib"]:
    joblib.dump(models[name], folder / f"{name}.joblib", compress=3)
for name in FORMS["skops"]:
    skops.io.dump(models[name], folder / f"{name}.skops", compression=zipfile.ZIP_DEFLATED)

expected = {"X": X.tolist(), "classes": classes.tolist(), "numbers": numbers.tolist(), "models": {}}
for name, model in models.items():
    told = expected["models"][name] = {}
    told["outputs"] = (model.transform if name == "transformer" else model.predict)(X[:5]).tolist()
    if name not in ("pipeline", "transformer"):
        told["went on to"] = [W.tolist() for W in go_on(model).coefs_]

table = pd.DataFrame({"x": X[:, 0].round(3), "town": classes, "y": numbers > 0})
table.to_csv(folder / "table.csv", index=False)
model, predicted = folder / "command_line.skops", folder / "predicted.csv"
data = str(folder / "table.csv")
for command in (
    ["train", data, "--target", "y", "--hidden", "3", "--max-iter", "3", "--out", str(model)],
    ["predict", str(model), data, "--out", str(predicted)],
):
    with contextlib.suppress(SystemExit):
        main(command)
with zipfile.ZipFile(model) as file:
    parts = {name: file.read(name) for name in file.namelist()}
with zipfile.ZipFile(model, "w", zipfile.ZIP_DEFLATED) as file:  # a quarter of the size
    for name, part in parts.items():
        file.writestr(name, part)
expected["command line"] = pd.read_csv(predicted).to_dict("list")
predicted.unlink()
(folder / "expected.json").write_text(json.dumps(expected))
