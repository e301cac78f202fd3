"""Every option that fastnn adds to scikit-learn's, as a name and its keywords."""

from fastnn.kernels.activations import ACTIVATIONS
from fastnn.kernels.updates import SOLVERS
from fastnn.training.initialization import WEIGHT_INITS
from fastnn.training.schedules import SCHEDULES


def shrinking(epoch):
    return 0.01 / (epoch + 1)


OPTIONS = {
    "defaults": {},
    **{f"activation {name}": {"activation": name} for name in ACTIVATIONS},
    "two activations": {"activation": ("gelu", "softplus")},
    **{f"solver {name}": {"solver": name} for name in SOLVERS},
    "amsgrad": {"amsgrad": True},
    "adamw, amsgrad": {"solver": "adamw", "amsgrad": True, "weight_decay": 0.1},
    "clip": {"max_grad_norm": 0.02},
    **{f"schedule {name}": {"learning_rate": name, "warmup": 1} for name in SCHEDULES},
    "function": {"learning_rate": shrinking},
    **{f"init {name}": {"weight_init": name} for name in WEIGHT_INITS},
    "init a number": {"weight_init": 0.2},
    "dropout": {"dropout": 0.4},
    "dropout of one layer": {"dropout": (0.0, 0.5)},
    "batch": {"normalization": "batch"},
    "layer": {"normalization": "layer"},
    "best weights": {"restore_best_weights": True, "learning_rate_init": 0.1},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "early stopping by the loss": {"early_stopping": True, "scoring": "loss"},
    "much at once": {
        "activation": ("mish", "gelu"),
        "solver": "adamw",
        "learning_rate": "one_cycle",
        "dropout": 0.2,
        "normalization": "batch",
        "max_grad_norm": 1.0,
        "weight_init": "orthogonal",
    },
}
OF_CLASSES = {
    "label smoothing": {"label_smoothing": 0.2},
    "focal": {"loss": "focal"},
    "balanced": {"class_weight": "balanced"},
}
OF_NUMBERS = {name: {"loss": name} for name in ("absolute_error", "huber", "log_cosh", "quantile")}
