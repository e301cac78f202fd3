"""
5. The derivative on a graph: y = a b + c
=========================================

Which way should a weight move so that the loss becomes smaller? Its **derivative** tells: how much
the loss changes for a small change of the weight. To find it, write the computation down as a
graph, from the inputs on the left to the result on the right, and go back through it.

A small one first, y = a b + c:
"""

from matplotlib import pyplot as plt

from fastnn.display import GraphDisplay, Node

a, b, c = Node(2.0, "a"), Node(-3.0, "b"), Node(10.0, "c")
y = a * b + c
GraphDisplay.from_expression(y, name="y")
plt.show()

# %%
# Values flow forward, derivatives flow back. The rules are local, each box needs to know only its
# own operation:
#
# * at a sum, each operand gets what arrives: if c grows by 1, so does y;
# * at a product, each operand gets what arrives times *the other* operand: if a grows by 1, y
#   grows by b.
#
# Where a value is used twice, what comes back along both ways is added.

y.backpropagate()
assert (a.derivative, b.derivative, c.derivative) == (b.value, a.value, 1.0)

# %%
# The derivative keeps its promise for small steps:

step = 1e-6
change = ((2.0 + step) * -3.0 + 10.0) - (2.0 * -3.0 + 10.0)
print(f"change of y for a change of a: {change / step:.6f}, derivative: {a.derivative}")
assert abs(change / step - a.derivative) < 1e-6

# %%
# Going down
# ----------
# To make y smaller, take from each value a little of its derivative, and do it again. Here the aim
# is a loss, (a b + c - 1)², which is 0 where a b + c = 1:

values, curve = [2.0, -3.0, 10.0], []
for _ in range(12):
    a, b, c = (Node(value) for value in values)
    loss = (a * b + c - 1.0) ** 2
    loss.backpropagate()
    curve.append(float(loss.value))
    values = [float(node.value - 0.02 * node.derivative) for node in (a, b, c)]

print(f"a, b, c = {[round(value, 3) for value in values]}, loss = {curve[-1]:.2g}")
assert curve[-1] < 1e-2 * curve[0]
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.plot(curve, "o-")
ax.set(xlabel="step", ylabel="loss")
plt.show()

# %%
# That is gradient descent, and it is all that training is. A network has only more values.
#
# Next: :ref:`the same through a whole network <sphx_glr_learn_plot_6_backpropagation.py>`.
