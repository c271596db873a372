"""Writes forests.npz and pipelines.npz: small exported models, their data, and what their own libraries and shap make of them.

pip install scikit-learn skl2onnx xgboost lightgbm onnxmltools shap pandas
python tests/golden/ml/make.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import shap
import xgboost
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as FloatColumns
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

HERE = Path(__file__).parent
OPSETS = {"": 15, "ai.onnx.ml": 3}
FEATURES = 4


def stored(proto: Any) -> np.ndarray:
    return np.frombuffer(proto.SerializeToString(), np.uint8)


def forests() -> dict[str, np.ndarray]:
    """Regressors of four kinds: TreeSHAP of 12 rows against 8 references, and by the covers of the 120 training rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, FEATURES)).astype(np.float32)
    y = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + (x[:, 3] > 0) * x[:, 0]
    models = {
        "forest": RandomForestRegressor(4, max_depth=4, bootstrap=False, max_features=2, random_state=0),
        "boosted": GradientBoostingRegressor(n_estimators=5, max_depth=3, random_state=0),
        "xgboost": xgboost.XGBRegressor(n_estimators=5, max_depth=3),
        "lightgbm": lightgbm.LGBMRegressor(n_estimators=5, num_leaves=6, min_child_samples=5, verbose=-1),
    }
    out = {"x": x}
    for name, model in models.items():
        model.fit(x, y)
        if name in ("xgboost", "lightgbm"):
            convert = convert_xgboost if name == "xgboost" else convert_lightgbm
            proto = convert(model, initial_types=[("x", FloatColumns([None, FEATURES]))], target_opset=15)
        else:
            proto = convert_sklearn(
                model, initial_types=[("x", FloatTensorType([None, FEATURES]))], target_opset=OPSETS
            )
        against = shap.TreeExplainer(model, x[:8], feature_perturbation="interventional")
        by_covers = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        out[f"{name} model"] = stored(proto)
        out[f"{name} predicted"] = np.asarray(model.predict(x[20:32]))
        out[f"{name} interventional"] = against.shap_values(x[20:32], check_additivity=False)
        out[f"{name} path dependent"] = by_covers.shap_values(x[20:32], check_additivity=False)
    return out


def pipelines() -> dict[str, np.ndarray]:
    """Columns of numbers, integers and text, one input each, through an imputer, a scaler and encoders."""
    rng = np.random.default_rng(1)
    n = 80
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n).round(1).astype(np.float32),
            "income": rng.normal(size=n).astype(np.float32),
            "visits": rng.integers(0, 9, n),
            "city": rng.choice(["Oslo", "Paris", "Zürich"], n),
            "member": rng.choice(["no", "yes"], n),
        }
    )
    likes = np.where((frame.age > 40) ^ (frame.city == "Paris") ^ (frame.visits > 4), "likes it", "leaves it")
    amount = frame.visits + frame.income + 3 * (frame.city == "Oslo")
    kinds = {
        **dict.fromkeys(("age", "income"), FloatTensorType([None, 1])),
        "visits": Int64TensorType([None, 1]),
        **dict.fromkeys(("city", "member"), StringTensorType([None, 1])),
    }
    numbers = make_pipeline(SimpleImputer(), StandardScaler())

    def columns(unknown: str) -> ColumnTransformer:
        hot = OneHotEncoder(handle_unknown=unknown)
        return ColumnTransformer(
            [
                ("numbers", numbers, ["age", "income"]),
                ("as is", "passthrough", ["visits"]),
                ("hot", hot, ["city", "member"]),
            ]
        )

    ordinal = ColumnTransformer(
        [("as is", "passthrough", ["age", "income", "visits"]), ("ordinal", OrdinalEncoder(), ["city", "member"])]
    )
    models = {
        "logistic": (make_pipeline(columns("error"), LogisticRegression()), likes),
        "boosted": (
            make_pipeline(columns("ignore"), GradientBoostingClassifier(n_estimators=5, random_state=0)),
            likes,
        ),
        "ordinal": (make_pipeline(ordinal, RandomForestRegressor(3, max_depth=3, random_state=0)), amount),
    }
    out = {c: frame[c].to_numpy(dtype=str if frame[c].dtype.kind not in "if" else None) for c in frame}
    missing = frame[["age", "income", "visits", "city", "member"]].copy()
    missing.loc[missing.index[:2], "age"] = np.nan
    for name, (model, y) in models.items():
        model.fit(frame, y)
        out[f"{name} model"] = stored(convert_sklearn(model, initial_types=list(kinds.items()), target_opset=OPSETS))
        if name == "ordinal":
            out[f"{name} predicted"] = model.predict(frame)
        else:
            out[f"{name} predicted"] = model.predict_proba(frame)
            out[f"{name} labels"] = model.predict(frame).astype(str)
            out[f"{name} missing"] = model.predict_proba(missing)
    fitted = models["logistic"][0]
    out["logistic coefficients"] = fitted[-1].coef_[0]
    out["logistic columns"] = np.asarray(fitted[0].transform(frame))
    return out


if __name__ == "__main__":
    for file, content in (("forests", forests()), ("pipelines", pipelines())):
        np.savez_compressed(HERE / f"{file}.npz", **content)
