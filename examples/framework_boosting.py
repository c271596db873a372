"""XGBoost, LightGBM and CatBoost, as they are: how far their trees agree on what matters.

python examples/framework_boosting.py
"""

from __future__ import annotations

import numpy as np
from catboost import CatBoostRegressor
from lightgbm import LGBMRegressor
from sklearn.datasets import load_diabetes
from xgboost import XGBRegressor

import onnxplain as ox

frame, target = load_diabetes(as_frame=True, return_X_y=True)
people, others = frame[:20], frame[50:150]
models = {
    "XGBoost": XGBRegressor(n_estimators=40, max_depth=3),
    "LightGBM": LGBMRegressor(n_estimators=40, max_depth=3, verbose=-1),
    "CatBoost": CatBoostRegressor(iterations=40, depth=3, verbose=0, allow_writing_files=False),
}
strength = {}
for name, booster in models.items():
    booster.fit(frame[50:], target[50:])
    model = ox.load(booster, example=frame)
    assert np.allclose(model.predict(people)["prediction"][:, 0], booster.predict(people), rtol=1e-5)
    e = ox.explain(model, people, ox.DeepShap(data_ref=others))
    e.check(1e-3)  # exact TreeSHAP: contributions sum to the difference from the others' mean
    strength[name] = np.abs(e["x"].values.reshape(len(people), -1)).mean(0)

print("mean size of a feature's contribution\n" + " " * 8 + "".join(f"{n:>10s}" for n in models))
for k in np.argsort(-sum(strength.values())):
    print(f"{frame.columns[k]:8s}" + "".join(f"{s[k]:10.1f}" for s in strength.values()))
