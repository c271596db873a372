"""Rules: how relevance crosses a layer; composites: which node gets which rule."""

from __future__ import annotations

from .attention import Constant, FrozenStatistics, TaylorSoftmax
from .base import Relevances, Rule, Site
from .composites import (
    COMPOSITES,
    CPLRP,
    AttnLRP,
    Composite,
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    ExcitationBackprop,
    PresetA,
    PresetB,
    composite_from,
    default_rows,
    everywhere,
)
from .connection_weights import ConnectionWeights
from .deeplift import Rescale
from .first_layer import Flat, WSquare, ZBox
from .gamma import Gamma
from .gradient import Adjoint
from .guided import Guided, Rectified
from .lrp import Epsilon, Norm, Pass, SplitEqually, Zero
from .matching import Depth, First, Last
from .pooling import ShareByValue, ShareEvenly, WinnerTakesAll
from .products import Half, Proportional, Signal
from .reveal_cancel import RevealCancel
from .signed import AlphaBeta, PositiveWeights, ZPlus

__all__ = [
    "COMPOSITES",
    "CPLRP",
    "Adjoint",
    "AlphaBeta",
    "AttnLRP",
    "Composite",
    "ConnectionWeights",
    "Constant",
    "Depth",
    "Epsilon",
    "EpsilonAlpha2Beta1",
    "EpsilonAlpha2Beta1Flat",
    "EpsilonGammaBox",
    "EpsilonPlus",
    "EpsilonPlusFlat",
    "ExcitationBackprop",
    "First",
    "Flat",
    "FrozenStatistics",
    "Gamma",
    "Guided",
    "Half",
    "Last",
    "Norm",
    "Pass",
    "PositiveWeights",
    "PresetA",
    "PresetB",
    "Proportional",
    "Rectified",
    "Relevances",
    "Rescale",
    "RevealCancel",
    "Rule",
    "ShareByValue",
    "ShareEvenly",
    "Signal",
    "Site",
    "SplitEqually",
    "TaylorSoftmax",
    "WSquare",
    "WinnerTakesAll",
    "ZBox",
    "ZPlus",
    "Zero",
    "composite_from",
    "default_rows",
    "everywhere",
]
