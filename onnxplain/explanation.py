"""Explanation: every attribution of one call of `explain`, with what they should sum to and how they came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import InputError
from .result import arrays, checks, storage, tables
from .result.attribution import Attribution
from .result.lookup import ByName, Pair, listed
from .result.summary import summary

if TYPE_CHECKING:
    import pandas as pd
    import xarray

__all__ = ["Attribution", "Explanation"]

Aggregate = Literal["sum", "mean", "norm", "max_abs"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Explanation(Mapping[Any, Attribution]):
    """Attributions by input name; by (input, output) where several outputs were explained.

    `predictions`, `goals`, `sums`: for each output an array (samples, targets). A goal is what the attributions of a
    sample and target, summed over all inputs, should come to; NaN where the method sets none. `complete`: the method
    promises sums equal to goals. `target_units`: which unit (position in the flattened output of one sample) each
    target is, -1 where it is not a unit. `rules`: the rule each node used. Compared by identity.
    """

    attributions: Mapping[Pair, Attribution]
    predictions: Mapping[str, np.ndarray]
    goals: Mapping[str, np.ndarray]
    sums: Mapping[str, np.ndarray]
    target_units: Mapping[str, np.ndarray]
    target_labels: Mapping[str, tuple[str, ...]]
    method: str
    complete: bool
    model: str = "model"
    notes: tuple[str, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    layer_attributions: Mapping[Pair, Attribution] = field(default_factory=dict)
    audit_source: Callable[[], list[dict[str, Any]]] | None = None

    # A mapping of attributions ------------------------------------------------------------------------------------

    @cached_property
    def _inputs(self) -> ByName:
        return ByName(self.attributions, "input")

    @cached_property
    def layers(self) -> ByName:
        """Attributions of internal values: layers["value"], or layers["value", "output"]."""
        return ByName(self.layer_attributions, "explained internal value")

    def __getitem__(self, key: str | Pair) -> Attribution:
        return self._inputs[key]

    def __iter__(self) -> Iterator[str | Pair]:
        return iter(self._inputs)

    def __len__(self) -> int:
        return len(self._inputs)

    def __contains__(self, key: object) -> bool:
        return key in self._inputs

    def get(self, key: Any, default: Any = None) -> Any:
        try:
            return self[key]
        except InputError:
            return default

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """The numbers, where there is one input and one output: (samples, *input axes, targets)."""
        if len(self.attributions) != 1:
            raise InputError(f"there are {len(self)} attributions; take one by its key: {listed(self)}, or to_numpy()")
        return next(iter(self.attributions.values())).values

    def __repr__(self) -> str:
        return summary(self)

    # Honesty ------------------------------------------------------------------------------------------------------

    @cached_property
    def delta(self) -> Mapping[str, np.ndarray]:
        """(sum − goal) / max(|goal|, Σ|attribution| / 1000) for each output: (samples, targets), NaN without a goal.

        Relative to the goal; only a goal that is left over from relevance a thousand times its size is measured
        against that thousandth, since there a relative difference would show rounding.
        """
        return {
            out: checks.relative(self.sums[out], goal, checks.moved(self.attributions, out))
            for out, goal in self.goals.items()
        }

    def check(self, rtol: float = 1e-3) -> None:
        """Raises `ConservationError` where |delta| > rtol, naming the worst output, sample and target; also where the
        method promises no sum."""
        checks.check(self, rtol)

    @cached_property
    def audit_rows(self) -> list[dict[str, Any]]:
        """The rows of `audit()`, computed once when first asked for."""
        if self.audit_source is None:
            raise InputError(
                f"no audit for {self.method}: methods that walk backwards keep one, and saving keeps one that was "
                "computed before (call audit(), then save())"
            )
        return self.audit_source()

    @property
    def computed_audit(self) -> list[dict[str, Any]] | None:
        """The audit's rows if they have been computed already."""
        return vars(self).get("audit_rows")

    def audit(self) -> pd.DataFrame:
        """Where relevance was lost: node, operator, kind, rule, relevance_in, relevance_out, lost, share_lost;
        and, in quantised models, the part of relevance_in that is due to rounding."""
        return tables.audit_frame(self.audit_rows)

    # Other shapes -------------------------------------------------------------------------------------------------

    def to_numpy(self) -> np.ndarray | dict[Any, np.ndarray]:
        """The array of the only attribution, otherwise arrays by input name, or by (input, output)."""
        return self.values if len(self) == 1 else {key: self[key].values for key in self}

    def to_torch(self) -> Any:
        """As `to_numpy`, as torch tensors that share no memory with this explanation."""
        return arrays.to_torch(self.to_numpy())

    def to_frame(self) -> pd.DataFrame:
        """One row per number: sample, input, output, target, the axes of the inputs, value, prediction, goal, sum."""
        return tables.to_frame(self)

    def to_xarray(self) -> xarray.DataArray | xarray.Dataset:
        """A DataArray where there is one attribution, else a Dataset; axes and coordinates are named."""
        return arrays.to_xarray(self)

    def to_shap(self) -> Any:
        """A shap.Explanation for shap's plots (by input name, or pair, where there are several)."""
        return arrays.to_shap(self)

    def save(self, path: str | Path) -> None:
        """Writes everything to a .npz, .nc or .zarr: whole, or not at all. The audit is included if it was computed."""
        storage.save(self, path)

    @staticmethod
    def load(path: str | Path) -> Explanation:
        """What `save` wrote. Nothing is unpickled; `InputError` for a file that is damaged or something else."""
        fields = storage.load(path)
        rows = fields.pop("audit_rows")
        if rows is None:
            return Explanation(**fields)
        e = Explanation(**fields, audit_source=partial(list, rows))
        vars(e)["audit_rows"] = rows  # computed already, so that saving again keeps it
        return e

    # Pictures -----------------------------------------------------------------------------------------------------

    def plot(
        self,
        sample: int | str = 0,
        target: Any = None,
        input: str | None = None,
        aggregate: Aggregate = "sum",
        interactive: bool = False,
        ax: Any = None,
    ) -> Any:
        """One sample and target as a matplotlib Figure, or a plotly one (`interactive=True`); nothing is shown for you.

        `target`: a label, a position, or {output: one of these}; None is the first. `input`: None plots all of them;
        the name of an explained internal value works too. `aggregate`: how an image's channels become one map.
        `ax`: a matplotlib Axes to draw one input into.
        """
        from .plots import plot

        return plot(self, sample, target, input, aggregate, interactive, ax)

    def plot_global(
        self, target: Any = None, reference: int | str | None = None, preprocess: Any = "abs", interactive: bool = False
    ) -> Any:
        """All samples at once: boxes for the features of a table, mean maps for series and images.

        `reference`: a sample to mark. `preprocess`: "abs", "none", "square" or a function, applied to the values first.
        """
        from .plots import plot_global

        return plot_global(self, target, reference, preprocess, interactive)

    def report(self, path: str | Path) -> None:
        """One HTML file that needs nothing else: predictions, sums and goals, plots, top features, audit, versions."""
        from .plots.report import report

        report(self, path)
