"""A scikit-learn pipeline, as it is: what each column of the table adds to a prediction.

python examples/framework_sklearn.py
"""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import onnxplain as ox

frame = load_diabetes(as_frame=True, scaled=False).frame
frame["sex"] = np.array(["first", "second"])[frame.sex.astype(int) - 1]  # the data do not say which is which
numbers, ill = ["age", "bmi", "bp", "s5"], np.where(frame.target > 200, "ill", "well")
columns = ColumnTransformer([("n", StandardScaler(), numbers), ("c", OneHotEncoder(), ["sex"])])
table = frame[[*numbers, "sex"]]
pipeline = make_pipeline(columns, LogisticRegression()).fit(table[50:], ill[50:])

model = ox.load(pipeline, example=table)
people, others = table[:4], table[50:250]
chances = model.predict(people)["probabilities"]
assert np.allclose(chances, pipeline.predict_proba(people), atol=1e-6)

e = ox.explain(model, people, ox.DeepShap(data_ref=others, ignore_last_activation=False), target="ill")
e.check(1e-4)
average = model.predict(others)["probabilities"][:, 0].mean()
print(f"chance to be ill, mean of the others: {average:.2f}")
for i in range(len(people)):
    print(f"\nchance to be ill {chances[i, 0]:.2f}")
    for c in sorted(model.inputs, key=lambda c: -abs(e[c].values[i].item())):
        print(f"  {c + ' = ' + str(people[c].iloc[i]):16s} {e[c].values[i].item():+.3f}")
