"""The operators of the ai.onnx.ml domain as operators of ONNX and a few layers of their own.

As onnxruntime computes them where the standard leaves something open: the two columns of a binary classifier, and what
happens to a single score.
"""

from __future__ import annotations

from collections.abc import Callable

from ..body import Body
from .categories import category_mapper, label_encoder, one_hot_encoder
from .columns import array_feature_extractor, feature_vectorizer, normalizer, scaler
from .linear import linear_classifier, linear_regressor
from .svm import svm_classifier, svm_regressor
from .trees import tree_ensemble, tree_ensemble_classifier, tree_ensemble_regressor

#: operator → what writes its parts
ML: dict[str, Callable[[Body], None]] = {
    "ai.onnx.ml:ArrayFeatureExtractor": array_feature_extractor,
    "ai.onnx.ml:CategoryMapper": category_mapper,
    "ai.onnx.ml:FeatureVectorizer": feature_vectorizer,
    "ai.onnx.ml:LabelEncoder": label_encoder,
    "ai.onnx.ml:LinearClassifier": linear_classifier,
    "ai.onnx.ml:LinearRegressor": linear_regressor,
    "ai.onnx.ml:Normalizer": normalizer,
    "ai.onnx.ml:OneHotEncoder": one_hot_encoder,
    "ai.onnx.ml:SVMClassifier": svm_classifier,
    "ai.onnx.ml:SVMRegressor": svm_regressor,
    "ai.onnx.ml:Scaler": scaler,
    "ai.onnx.ml:TreeEnsemble": tree_ensemble,
    "ai.onnx.ml:TreeEnsembleClassifier": tree_ensemble_classifier,
    "ai.onnx.ml:TreeEnsembleRegressor": tree_ensemble_regressor,
}
