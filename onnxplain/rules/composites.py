"""Composite: which rule every node gets. Rows of (match, rule), first match wins; a node without a row is an error."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypedDict, Unpack

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.control import Control
from ..layers.kinds import Affine
from .attention import Constant, FrozenStatistics, TaylorSoftmax
from .base import Rule
from .bias import Bias
from .first_layer import Bound, Flat, WSquare, ZBox
from .gamma import Gamma
from .gradient import Adjoint
from .lrp import Epsilon, Norm, Pass, Zero
from .matching import GATE, First, Match, Walk, gate_of, matcher, passes
from .pooling import ShareByValue, WinnerTakesAll
from .products import Half, Proportional, Signal
from .signed import AlphaBeta, ZPlus

if TYPE_CHECKING:
    from ..graph.graph import Graph, Node

Row = tuple[Match, Rule]
P = ParamSpec("P")


class Options(TypedDict, total=False):
    """What every named composite takes besides its own numbers."""

    bias: Bias  # "absorb"
    winner_takes_all: bool  # True; False: max-pooling shares in proportion to value
    product: Literal["half", "signal", "proportional"]  # "half"
    softmax: Literal["attnlrp", "constant"]  # "attnlrp"
    gates: Literal["signal", "half"]  # "signal"; of recurrent cells


@dataclass(frozen=True)
class Composite:
    """Rows of (match, rule): a node gets the rule of the first row that matches it."""

    rows: tuple[Row, ...]
    written: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple((match, rule) for match, rule in self.rows))
        for match, rule in self.rows:
            if not isinstance(rule, Rule):
                raise RuleError(f"the row for {match!r} needs a rule, such as Epsilon(), got {rule!r}")

    def __repr__(self) -> str:
        return self.written or f"Composite(rows={self.rows!r})"

    def coverage(self, graph: Graph, nodes: Iterable[Node], active: frozenset[str]) -> dict[str, Rule | str]:
        """For every node that passes relevance through `active` values, by name: its rule, or why it has none; those in
        graphs that nodes run included."""
        walk = Walk(graph, [n for n in nodes if passes(n, active)], active)
        return _covered(walk, [(matcher(match, walk), match, rule) for match, rule in self.rows])

    def assign(self, graph: Graph, nodes: Iterable[Node], active: frozenset[str]) -> dict[str, Rule]:
        """The rule of every node that passes relevance through `active` values, by name.

        Raises `RuleError` naming all nodes that no row matches, or whose row's rule is not defined for their kind.
        """
        nodes = list(nodes)
        found = self.coverage(graph, nodes, active)
        by_name = {n.name: n for n in replace(graph, nodes=tuple(nodes)).every_node()}
        wrong = [f"{v!r} ({(n := by_name[v]).op}, {n.kind}) {why}" for v, why in found.items() if isinstance(why, str)]
        if wrong:
            raise RuleError(
                f"{len(wrong)} of {len(found)} nodes cannot be explained with {self!r}:\n  "
                + "\n  ".join(wrong)
                + "\ngive each a row, by kind, operator or name"
            )
        return {name: rule for name, rule in found.items() if isinstance(rule, Rule)}


def _covered(walk: Walk, table: Sequence[tuple[Callable[[Node], bool], Match, Rule]]) -> dict[str, Rule | str]:
    found: dict[str, Rule | str] = {}
    for n in walk.nodes:
        if isinstance(n.layer, Control):
            parts = {name: r for inside in walk.inside(n) for name, r in _covered(inside, table).items()}
            rules = {name: r for name, r in parts.items() if isinstance(r, Rule)}
            whole = len(rules) == len(parts)
            active = [v in walk.active for v in n.inputs]
            found[n.name] = n.layer.ruled(rules, active) if whole else "has parts without a rule"
            found.update(parts)
            continue
        match, rule = next(((m, r) for holds, m, r in table if holds(n)), (None, None))
        if n.layer.advice and (rule is None or not rule.covers(n.layer)):
            found[n.name] = f"has no rule here: {n.layer.advice}"
        elif rule is None:
            found[n.name] = "has no row"
        elif not rule.covers(n.layer):
            row = match.__name__ if isinstance(match, type) else repr(match)
            found[n.name] = f"gets {rule!r} from the row {row}, {_defined_for(rule)}"
        else:
            found[n.name] = _placed(rule.placed(walk, n), walk.graph, n)
    return found


def _defined_for(rule: Rule) -> str:
    return f"which is defined for {', '.join(k.kind or 'any kind' for k in rule.kinds)} only"


def _placed(rule: Rule, graph: Graph, node: Node) -> Rule:
    """A rule that needs to know the graph around its node, told so."""
    return replace(rule, gate=gate_of(graph, node)) if isinstance(rule, Signal) and rule.gate is None else rule


def default_rows(
    epsilon: float = 1e-6,
    bias: Bias = "absorb",
    winner_takes_all: bool = True,
    product: Literal["half", "signal", "proportional"] = "half",
    softmax: Literal["attnlrp", "constant"] = "attnlrp",
    gates: Literal["signal", "half"] = "signal",
) -> tuple[Row, ...]:
    """LRP's row for every kind: what a composite falls back on."""
    return (
        ("scale", Pass()),  # exact: one input per output, no bias
        ("average", Norm()),
        ("Affine", Epsilon(epsilon, bias)),
        ("Additive", Epsilon(bias=bias)),
        ("Routing", Adjoint()),
        ("Elementwise", Pass()),
        ("Pooling", WinnerTakesAll() if winner_takes_all else ShareByValue()),
        (GATE, _choice("gates", gates, {"signal": Signal(gate=0, strict=True), "half": Half()})),
        ("Product", _choice("product", product, {"half": Half(), "signal": Signal(), "proportional": Proportional()})),
        ("Softmax", _choice("softmax", softmax, {"attnlrp": TaylorSoftmax(), "constant": Constant()})),
        ("Normalization", FrozenStatistics()),
    )


def _choice(name: str, value: str, among: Mapping[str, Rule]) -> Rule:
    if value not in among:
        raise RuleError(f"{name} is one of {', '.join(map(repr, among))}, got {value!r}")
    return among[value]


def everywhere(rule: Rule) -> Composite:
    """One rule that knows every kind it is defined for, on all nodes."""
    return Composite(((Layer, rule),), written=repr(rule))


def named(make: Callable[P, tuple[Row, ...]]) -> Callable[P, Composite]:
    """The composite of these rows; it prints as the call that made it, with its own numbers."""
    signature = inspect.signature(make)
    shown = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

    @wraps(make)
    def composite(*args: P.args, **kwargs: P.kwargs) -> Composite:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = {name: bound.arguments[name] for name in shown} | bound.arguments.get("options", {})
        written = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return Composite(make(*args, **kwargs), written=f"{make.__name__}({written})")

    return composite


@named
def EpsilonPlus(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """z⁺ for convolutions, ε for dense layers. Montavon et al. 2019 (zennit's EpsilonPlus)."""
    return (("convolution", ZPlus(_bias(options))), *default_rows(epsilon, **options))


@named
def EpsilonPlusFlat(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """EpsilonPlus with the first layers flat. Lapuschkin et al. 2019."""
    return ((First(), Flat()), ("convolution", ZPlus(_bias(options))), *default_rows(epsilon, **options))


@named
def EpsilonAlpha2Beta1(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """α2β1 for convolutions, ε for dense layers (zennit's EpsilonAlpha2Beta1)."""
    return (("convolution", AlphaBeta(2, 1, _bias(options))), *default_rows(epsilon, **options))


@named
def EpsilonAlpha2Beta1Flat(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """EpsilonAlpha2Beta1 with the first layers flat. Lapuschkin et al. 2019."""
    return ((First(), Flat()), ("convolution", AlphaBeta(2, 1, _bias(options))), *default_rows(epsilon, **options))


@named
def EpsilonGammaBox(
    low: Bound, high: Bound, epsilon: float = 1e-6, gamma: float = 0.25, **options: Unpack[Options]
) -> tuple[Row, ...]:
    """The first layers by the box [low, high] of their inputs, γ for convolutions, ε for dense layers.

    Montavon et al. 2019 (zennit's EpsilonGammaBox).
    """
    first, convolution = ZBox(low, high), Gamma(gamma, bias=_bias(options))
    return ((First(), first), ("convolution", convolution), *default_rows(epsilon, **options))


@named
def ExcitationBackprop(**options: Unpack[Options]) -> tuple[Row, ...]:
    """z⁺ without biases for convolution and dense layers. Zhang et al. 2016."""
    excite = ZPlus(bias="ignore")
    return (("convolution", excite), ("dense", excite), *default_rows(**options))


@named
def PresetA(epsilon: float = 0.1, **options: Unpack[Options]) -> tuple[Row, ...]:
    """α1β0 for convolutions, ε for dense layers (iNNvestigate's sequential preset A)."""
    return (("convolution", AlphaBeta(1, 0, _bias(options))), *default_rows(epsilon, **options))


@named
def PresetB(epsilon: float = 0.1, **options: Unpack[Options]) -> tuple[Row, ...]:
    """α2β1 for convolutions, ε for dense layers (iNNvestigate's sequential preset B)."""
    return (("convolution", AlphaBeta(2, 1, _bias(options))), *default_rows(epsilon, **options))


@named
def AttnLRP(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """ε for every Affine, softmax by its Taylor expansion, products halved. Achtibat et al. 2024."""
    return default_rows(epsilon, **options)


@named
def CPLRP(epsilon: float = 1e-6, **options: Unpack[Options]) -> tuple[Row, ...]:
    """ε for every Affine, softmax a constant, so that attention's relevance goes to the values. Ali et al. 2022."""
    rows: Options = {"softmax": "constant", "product": "signal", **options}
    return default_rows(epsilon, **rows)


#: the named composites, and the rules that need no numbers, by what `composite_from` calls them
COMPOSITES: dict[str, Callable[..., Composite]] = {
    c.__name__: c
    for c in (
        EpsilonPlus,
        EpsilonPlusFlat,
        EpsilonAlpha2Beta1,
        EpsilonAlpha2Beta1Flat,
        EpsilonGammaBox,
        ExcitationBackprop,
        PresetA,
        PresetB,
        AttnLRP,
        CPLRP,
    )
}
RULES: dict[str, type[Rule]] = {r.__name__: r for r in (Epsilon, Zero, ZPlus, AlphaBeta, Gamma, Flat, WSquare)}

#: what must be given to each composite
_NEEDED = {
    name: [p.name for p in inspect.signature(make).parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    for name, make in COMPOSITES.items()
}
_DEFAULTS = {name: p.default for name, p in inspect.signature(default_rows).parameters.items()}

Spec = str | Rule | Composite | Mapping[Any, Rule] | Iterable[Row]


def composite_from(spec: Spec, **options: Unpack[Options]) -> Composite:
    """The composite that is meant: a name ("epsilon_plus" or "EpsilonPlus"), a rule for every layer it is defined for,
    a dict or list of rows, these filled up with the default rows; or a composite, as it is.

    `options` set the default rows; a finished composite takes none that differ from the defaults.
    """
    if isinstance(spec, Composite):
        late = [f"{name}={value!r}" for name, value in options.items() if value != _DEFAULTS[name]]
        if late:
            raise RuleError(f"{spec!r} has all its rows; give {', '.join(late)} to the composite itself")
        return spec
    if isinstance(spec, str):
        return _by_name(spec, options)
    if isinstance(spec, Rule):
        return Composite(_single(spec, options), written=repr(spec))
    rows = tuple(spec.items()) if isinstance(spec, Mapping) else tuple(spec)
    return Composite((*rows, *default_rows(**options)), written=repr(spec))


def _by_name(name: str, options: Options) -> Composite:
    known = {_plain(n): n for n in (*COMPOSITES, *RULES)}
    found = known.get(_plain(name))
    if found is None:
        raise RuleError(f"no composite or rule is called {name!r}; there are {', '.join(known.values())}")
    if found in RULES:
        return composite_from(RULES[found](), **options)
    needed = _NEEDED[found]
    if needed:
        raise RuleError(f"{found} needs {' and '.join(needed)}: write {found}({', '.join(f'{n}=...' for n in needed)})")
    if all(type(v) in (str, bool) for v in options.values()):
        return _made(found, *sum(options.items(), ()))
    return COMPOSITES[found](**options)


@lru_cache(maxsize=64)
def _made(name: str, *options: Any) -> Composite:
    """The composite of this name, with options written one after the other, name and value."""
    return COMPOSITES[name](**dict(zip(options[::2], options[1::2], strict=True)))


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _single(rule: Rule, options: Options) -> tuple[Row, ...]:
    def takes(node: Node) -> bool:
        # multiplying by a constant shares nothing out: Pass is exact there
        return rule.covers(node.layer) and not (isinstance(node.layer, Affine) and node.layer.family == "scale")

    return ((takes, rule), *default_rows(**options))


def _bias(options: Options) -> Bias:
    return options.get("bias", "absorb")
