"""
Sparse text
===========

Counts of words are almost all zero. A network takes the sparse matrix as it is and computes with
what is there; the matrix is never made dense.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from fastnn import MLPClassifier
from fastnn.display import OutputDisplay

# %%
# Short texts made up here, so that nothing is downloaded: each subject has its own words, and all
# share others.

rng = np.random.default_rng(0)
words_of = {
    "kitchen": "bread butter oven salt knife dough bake taste pepper soup",
    "garden": "seed soil rake rose water leaf grow sun worm tree",
    "harbour": "ship rope anchor tide crane sail wave dock captain net",
}
common = "the a of and in is it was for on with as at by to from this that"


def draw(words, n):
    return rng.choice(words.split(), n)


texts, y = [], []
for _ in range(1500):
    subject, other = rng.choice(list(words_of), 2)  # the other one misleads
    words = [*draw(common, 12), *draw(words_of[subject], 2), *draw(words_of[other], 1)]
    texts.append(" ".join(rng.permutation(words)))
    y.append(subject)
print(texts[0])

# %%
# Words and pairs of words, as a sparse matrix:

model = make_pipeline(
    TfidfVectorizer(ngram_range=(1, 2)),
    MLPClassifier((20,), learning_rate_init=0.01, alpha=1e-3, early_stopping=True, random_state=0),
)
texts_train, texts_test, y_train, y_test = train_test_split(texts, y, random_state=0)
model.fit(texts_train, y_train)
features = model[0].transform(texts_train)
print(f"{features.shape[1]} features, {features.nnz / np.prod(features.shape):.2%} of them not 0")
print(f"{model.score(texts_test, y_test):.1%} of the test texts are right")
assert model.score(texts_test, y_test) > 0.9

# %%
# A text of mixed subjects:

text = "the captain baked bread in the oven of the ship and ate soup at the dock by the tide"
OutputDisplay.from_predictions(
    list(model.classes_).index("harbour"), model.predict_proba([text])[0], names=model.classes_
)
plt.show()

# %%
# Which words speak for which subject? The slope of each output at an empty text, by products of
# the weights of both layers along the units that are on:

network = model[1]
on = (network.hidden_activations(0 * features[:1], 0) > 0).ravel()
slopes = network.coefs_[0][:, on] @ network.coefs_[1][on]
words = model[0].get_feature_names_out()
figure, axes = plt.subplots(1, 3, figsize=(9, 3.5), layout="constrained")
for k, (ax, subject) in enumerate(zip(axes, network.classes_, strict=True)):
    top = slopes[:, k].argsort()[-10:]
    ax.barh(words[top], slopes[top, k])
    ax.set(title=subject, xlabel="slope")
plt.show()
