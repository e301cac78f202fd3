"""
2. Many units at once
=====================

One unit draws one line. A **layer** is several units that look at the same row. Write each unit's
weights as a column, and all columns side by side as a matrix W: then the weighted sums of all units
for all rows are one matrix product,

    Z = A W + b

with a row of A for each row of the data, and a column of Z for each unit. This is almost all of
the work that a network does, and processors are very good at it.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.preprocessing import StandardScaler

from fastnn import MLPClassifier
from fastnn.display import NetworkDisplay, WeightsDisplay

iris = load_iris()
X, y = StandardScaler().fit_transform(iris.data), iris.target
names = [name.removesuffix(" (cm)") for name in iris.feature_names]

model = MLPClassifier((5,), solver="lbfgs", max_iter=500, random_state=1).fit(X, y)
NetworkDisplay.from_estimator(model, X[70], input_names=names, output_names=iris.target_names)
plt.show()

# %%
# Four numbers enter, five units look at all four, and three outputs look at all five. Every link
# is a weight; the links between the first two columns are the matrix W of the first layer, with 4
# rows and 5 columns:

W, b = model.coefs_[0], model.intercepts_[0]
Z = X @ W + b
print(f"X {X.shape} @ W {W.shape} + b {b.shape} = Z {Z.shape}")

WeightsDisplay.from_estimator(model, input_names=names)
plt.show()

# %%
# One product or many sums, the numbers are the same:

by_hand = [[sum(x[i] * W[i, j] for i in range(4)) + b[j] for j in range(5)] for x in X]
assert np.allclose(by_hand, Z)

# %%
# The kernel
# ----------
# ``dot`` is the matrix product of the BLAS library, as NumPy's ``@`` is. (Where BLAS is slow with
# matrices as small as a mini-batch's, another kernel takes this one's place, with the same result:
# ``product_in_strips`` or ``product_in_panels``.) The bias is added by the activation, which passes
# over Z anyway.
#
# .. literalinclude:: /../fastnn/kernels/products/blas.py
#    :pyobject: product
#
# Next: :ref:`why a second layer needs an activation <sphx_glr_learn_plot_3_activation.py>`.
