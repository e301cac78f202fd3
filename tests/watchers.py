"""What the tests' own callbacks have in common."""


class Watcher:
    """A callback of scikit-learn's protocol that does nothing; a test adds what it watches for."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass
