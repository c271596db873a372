"""What a JAX model is as a function of its data: plain functions, Flax (linen, nnx), Equinox and Haiku."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import ConversionError
from ..common.arguments import Parameters

#: arguments that tell training from evaluation, and what they are in evaluation: set where the example leaves them out
EVALUATION = {
    "train": False,
    "training": False,
    "is_training": False,
    "deterministic": True,
    "use_running_average": True,
    "inference": True,
}


@dataclass(frozen=True, eq=False)
class Source:
    """`call(*args, **kwargs)` predicts. `weights`: a pytree of what it holds. `by_sample`: it is written for one sample,
    without their axis, as
    Equinox's modules are; None: it is not."""

    name: str
    call: Callable[..., Any]
    takes: Parameters
    evaluation: dict[str, Any]
    weights: Any
    by_sample: bool | None = None


def source_of(model: Any) -> Source:
    """What the user passed, read. Nothing of it is changed."""
    first, *held = model if type(model) is tuple else (model,)
    packages = {c.__module__.partition(".")[0] for c in type(first).__mro__}
    if "haiku" in packages:
        return _haiku(first, held)
    if "flax" in packages:
        return _flax(first, held)
    if held:
        raise ConversionError(f"a tuple that begins with a {type(first).__qualname__} is no JAX model. {PAIRS}")
    if "equinox" in packages:
        return _equinox(first)
    if not callable(first):
        raise ConversionError(
            f"a {type(first).__qualname__} of JAX cannot be called: give the function or module. {PAIRS}"
        )
    function = first.func if isinstance(first, partial) else first
    name = getattr(function, "__name__", type(function).__name__)
    return _source("function" if name == "<lambda>" else name, first, first, 0, _bound(first))


PAIRS = (
    "Flax linen is given as (module, variables) or module.bind(variables), Haiku as (transformed, params) or "
    "(transformed, params, state)"
)


def _bound(function: Any) -> Any:
    """What functools.partial holds, by argument name; a pytree alone needs no name."""
    if not isinstance(function, partial):
        return {}
    try:
        held = inspect.signature(function.func).bind_partial(*function.args, **function.keywords).arguments
    except (TypeError, ValueError):
        return {}
    return next(iter(held.values())) if len(held) == 1 else dict(held)


def _flax(module: Any, held: Sequence[Any]) -> Source:
    import jax
    from flax import linen, nnx

    if isinstance(module, nnx.Module):
        copy = nnx.clone(module)
        copy.eval()
        keys = nnx.state(copy, nnx.RngKey)
        nnx.update(copy, jax.tree.map(jax.random.key_data, keys))  # plain numbers, which have ONNX

        def predict(*args: Any, **kwargs: Any) -> Any:
            return nnx.clone(copy)(*args, **kwargs)  # a recurrent cell counts its random numbers, and a trace must not

        return _source(type(module).__name__, predict, copy.__call__, 0, nnx.to_pure_dict(nnx.state(copy, nnx.Param)))
    if not isinstance(module, linen.Module):
        raise ConversionError(f"{type(module).__qualname__} of Flax is no module. {PAIRS}")
    if module.scope is not None:
        module, variables = module.unbind()
    elif len(held) == 1:
        variables = held[0]
    else:
        raise ConversionError(f"the linen module {type(module).__name__} holds no weights of its own. {PAIRS}")

    def call(*args: Any, **kwargs: Any) -> Any:
        return module.apply(variables, *args, **kwargs)

    return _source(type(module).__name__, call, type(module).__call__, 1, variables.get("params", {}))


def _haiku(transformed: Any, held: Sequence[Any]) -> Source:
    import haiku as hk

    with_state = isinstance(transformed, hk.TransformedWithState)
    if len(held) != 1 + with_state:
        needed = "params and state" if with_state else "params"
        raise ConversionError(f"a Haiku function is given together with its {needed}. {PAIRS}")
    takes_rng = "rng" in inspect.signature(transformed.apply).parameters
    apply = (hk.without_apply_rng(transformed) if takes_rng else transformed).apply

    def call(*args: Any, **kwargs: Any) -> Any:
        y = apply(*held, *args, **kwargs)
        return y[0] if with_state else y

    return _source("haiku", call, apply, len(held), held[0])


def _equinox(module: Any) -> Source:
    import equinox as eqx

    copy = eqx.nn.inference_mode(module)
    weights = eqx.filter(getattr(copy, "__wrapped__", copy), eqx.is_array)
    # filter_jit and filter_vmap say themselves what they take
    wrapper = type(module).__module__.startswith("equinox._")
    return _source(type(module).__name__, copy, copy if wrapper else copy.__call__, 0, weights, not wrapper)


def _source(
    name: str,
    call: Callable[..., Any],
    signed: Callable[..., Any],
    skip: int,
    weights: Any,
    by_sample: bool | None = None,
) -> Source:
    """`signed`: what has the signature, whose first `skip` arguments are not the data's."""
    try:
        every = list(inspect.signature(signed).parameters.values())[skip:]
    except (TypeError, ValueError):
        every = [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
    named = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    takes = Parameters(
        tuple(p.name for p in named),
        sum(p.default is p.empty and p.name not in EVALUATION for p in named),
        next((p.name for p in every if p.kind is p.VAR_POSITIONAL), None),
        any(p.kind is p.VAR_KEYWORD for p in every),
        sum(p.kind is not p.KEYWORD_ONLY for p in named),
    )
    said = {
        p.name: EVALUATION[p.name] for p in named if p.name in EVALUATION and p.default in (p.empty, None, True, False)
    }
    return Source(name, call, takes, said, weights, by_sample)
