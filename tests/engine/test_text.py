"""Operators that look into text, beside onnxruntime's; relevance of n-grams on the tokens they are made of."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.layers.text.lexicon import Lexicon, code

TEXTS = np.array(["Hello World!", "the Cat  sat, on the MAT", "", "äöü ÀÉ x", "a"], dtype=object)
STRING, FLOAT, INT64, BOOL = TensorProto.STRING, TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def model(nodes: list[Any], inputs: dict[str, tuple[int, int]], outputs: dict[str, tuple[int, int]], **stored: Any) -> ModelProto:
    """Values by name: (element type, number of axes)."""
    ends = [
        [helper.make_tensor_value_info(n, t, [f"{n}{i}" for i in range(r)]) for n, (t, r) in side.items()]
        for side in (inputs, outputs)
    ]
    weights = [numpy_helper.from_array(np.asarray(v), n) for n, v in stored.items()]
    graph = helper.make_graph(nodes, "text", *ends, weights)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def same_as_onnxruntime(proto: ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    expected = onnxruntime.InferenceSession(proto.SerializeToString(), options).run(None, feeds)
    made = list(ox.load(proto, verify="never").predict(feeds).values())
    for ours, theirs in zip(made, expected, strict=True):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        if theirs.dtype == object:
            assert ours.tolist() == theirs.tolist()
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    return made


NORMALIZED: list[dict[str, Any]] = [
    {"case_change_action": "LOWER"},
    {"case_change_action": "UPPER"},
    {"stopwords": ["A", "hello world!"]},
    {"stopwords": ["a", "hello world!"], "is_case_sensitive": 1},
    {"stopwords": ["a", "Hello World!"], "is_case_sensitive": 1, "case_change_action": "UPPER"},
]


@pytest.mark.parametrize("attributes", NORMALIZED, ids=str)
def test_texts_are_normalized_as_onnxruntime_does(attributes: dict[str, Any]) -> None:
    node = helper.make_node("StringNormalizer", ["x"], ["y"], locale="C.UTF-8", **attributes)
    same_as_onnxruntime(model([node], {"x": (STRING, 1)}, {"y": (STRING, 1)}), {"x": TEXTS})


CUT: list[dict[str, Any]] = [
    {"separators": [" "], "mark": 0, "pad_value": "#", "mincharnum": 1},
    {"separators": [" ", ","], "mark": 1, "pad_value": "#", "mincharnum": 2},
    {"separators": ["[ ,!]+"], "mark": 0, "pad_value": "", "mincharnum": 1},
    {"separators": [""], "mark": 0, "pad_value": "", "mincharnum": 1},
    {"tokenexp": "[a-zA-Z0-9_]+", "mark": 0, "pad_value": "#", "mincharnum": 2},
    {"tokenexp": "\\b\\w\\w+\\b", "mark": 1, "pad_value": "#", "mincharnum": 1},
]


@pytest.mark.parametrize("attributes", CUT, ids=str)
@pytest.mark.parametrize("rank", [1, 2])
def test_texts_are_cut_into_tokens_as_onnxruntime_does(attributes: dict[str, Any], rank: int) -> None:
    node = helper.make_node("Tokenizer", ["x"], ["y"], domain="com.microsoft", **attributes)
    proto = model([node], {"x": (STRING, rank)}, {"y": (STRING, rank + 1)})
    same_as_onnxruntime(proto, {"x": TEXTS if rank == 1 else TEXTS[:, None]})


@pytest.mark.parametrize("to", [FLOAT, TensorProto.DOUBLE, INT64, TensorProto.INT32])
def test_texts_are_read_as_numbers(to: int) -> None:
    proto = model([helper.make_node("Cast", ["x"], ["y"], to=to)], {"x": (STRING, 1)}, {"y": (to, 1)})
    same_as_onnxruntime(proto, {"x": np.array(["1", "-5", "42"], dtype=object)})


@pytest.mark.parametrize(
    ("given", "of"),
    [(np.array([1, 1.5, 1e10, 1e-7, np.pi, -0.0, np.inf, 123456789], np.float32), FLOAT),
     (np.array([1, -5, 2**40]), INT64), (np.array([True, False]), BOOL)],
    ids=["floats", "integers", "truth values"],
)  # fmt: skip
def test_numbers_are_spelled_as_onnxruntime_does(given: np.ndarray, of: int) -> None:
    proto = model([helper.make_node("Cast", ["x"], ["y"], to=STRING)], {"x": (of, 1)}, {"y": (STRING, 1)})
    same_as_onnxruntime(proto, {"x": given})


def test_texts_are_joined_split_and_matched() -> None:
    nodes = [
        helper.make_node("StringConcat", ["x", "tail"], ["joined"]),
        helper.make_node("StringSplit", ["joined"], ["pieces", "count"], delimiter=" ", maxsplit=2),
        helper.make_node("RegexFullMatch", ["pieces"], ["word"], pattern="[a-zA-Z]+"),
    ]
    proto = model(nodes, {"x": (STRING, 1)}, {"pieces": (STRING, 2), "count": (INT64, 1), "word": (BOOL, 2)}, tail=np.array(["!"], dtype=object))
    pieces, count, word = same_as_onnxruntime(proto, {"x": TEXTS})
    assert pieces[0].tolist() == ["Hello", "World!!", ""] and count.tolist() == [2, 3, 1, 3, 1] and word[0, 0]


#: unigrams 1 … 4, bigrams, trigrams
POOL = [1, 2, 3, 4, 1, 2, 2, 1, 3, 3, 9, 4, 1, 2, 3, 2, 2, 2, 4, 3, 1]
STARTS, COLUMNS = [0, 4, 12], [3, 0, 2, 1, 7, 5, 4, 6, 8, 10, 9]
GRAMS = [tuple(POOL[i : i + n]) for n, (a, b) in zip((1, 2, 3), ((0, 4), (4, 12), (12, 21)), strict=True) for i in range(a, b, n)]
rng = np.random.default_rng(0)
IDS = rng.integers(0, 6, (5, 9))
WEIGHTS = (rng.random(11) + 0.5).astype(np.float32).tolist()


def vectorizer(mode: str, least: int, most: int, skips: int, text: bool = False) -> Any:
    pool: dict[str, Any] = {"pool_strings": list(map(str, POOL))} if text else {"pool_int64s": POOL}
    more: dict[str, Any] = {} if mode == "TF" else {"weights": WEIGHTS}
    return helper.make_node(
        "TfIdfVectorizer", ["x"], ["y"], mode=mode, min_gram_length=least, max_gram_length=most, max_skip_count=skips,
        ngram_counts=STARTS, ngram_indexes=COLUMNS, **pool, **more,
    )  # fmt: skip


def occurrences(row: np.ndarray, least: int, most: int, skips: int) -> dict[int, list[tuple[int, ...]]]:
    """Column → the places of the items of each occurrence, by going through everything."""
    found: dict[int, list[tuple[int, ...]]] = {c: [] for c in COLUMNS}
    for apart, n, start in product(range(1, skips + 2), range(least, most + 1), range(len(row))):
        places = tuple(range(start, start + apart * (n - 1) + 1, apart))
        if places[-1] < len(row) and not (n == 1 and apart > 1):
            gram = tuple(int(row[p]) for p in places)
            for k, g in enumerate(GRAMS):
                if g == gram:
                    found[COLUMNS[k]].append(places)
    return found


WINDOWS = [(1, 1, 0), (1, 2, 0), (2, 2, 1), (1, 3, 2), (2, 3, 5)]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
def test_n_grams_are_counted_as_onnxruntime_does(mode: str, window: tuple[int, int, int], text: bool) -> None:
    proto = model([vectorizer(mode, *window, text)], {"x": (STRING if text else INT64, 2)}, {"y": (FLOAT, 2)})
    same_as_onnxruntime(proto, {"x": IDS.astype(str).astype(object) if text else IDS})


def test_n_grams_of_one_row_without_an_axis_for_rows() -> None:
    proto = model([vectorizer("TFIDF", 1, 3, 1)], {"x": (INT64, 1)}, {"y": (FLOAT, 1)})
    same_as_onnxruntime(proto, {"x": IDS[0]})


def scored(mode: str, window: tuple[int, int, int], text: bool = False) -> ox.Model:
    """n-grams, then a score of them that is not linear."""
    nodes = [vectorizer(mode, *window, text), helper.make_node("MatMul", ["y", "w"], ["h"]), helper.make_node("Tanh", ["h"], ["score"])]
    w = np.random.default_rng(5).standard_normal((11, 2)).astype(np.float32) / 4
    proto = model(nodes, {"x": (STRING if text else INT64, 2)}, {"score": (FLOAT, 2)}, w=w)
    return ox.load(proto, dtype="float64", verify="never")


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
def test_what_an_n_gram_contributes_is_shared_by_its_items(window: tuple[int, int, int], text: bool) -> None:
    m, x = scored("TFIDF", window, text), IDS.astype(str).astype(object) if text else IDS
    x0 = np.roll(IDS, 3, 0)
    e = ox.explain(m, x, ox.DeepLift(baseline=x0.astype(str).astype(object) if text else x0), target=1, layers=["y"])
    e.check(rtol=1e-10)
    at_grams = e.layers["y"].values[..., 0]
    wanted = np.zeros(IDS.shape)
    for r, row in enumerate(IDS):
        for column, found in occurrences(row, *window).items():
            share = at_grams[r, column]
            if not found:
                wanted[r] += share / IDS.shape[1]
            for places in found:
                for p in places:
                    wanted[r, p] += share / len(found) / len(places)
    np.testing.assert_allclose(e.values[..., 0], wanted, rtol=1e-9, atol=1e-12)


def test_a_text_gets_what_its_tokens_get_and_tokens_are_explained_where_the_model_is_cut() -> None:
    nodes = [
        helper.make_node("Tokenizer", ["text"], ["cut"], domain="com.microsoft", separators=[" "], mark=0, pad_value="", mincharnum=1),
        helper.make_node("StringNormalizer", ["flat"], ["lower"], locale="C.UTF-8", case_change_action="LOWER", stopwords=["4"]),
        helper.make_node("Reshape", ["cut", "all"], ["flat"]),
        helper.make_node("Unsqueeze", ["lower", "first"], ["x"]),
        vectorizer("TFIDF", 1, 2, 0, text=True),
        helper.make_node("MatMul", ["y", "w"], ["score"]),
    ]
    w = rng.standard_normal((11, 2)).astype(np.float32)
    proto = model(nodes, {"text": (STRING, 1)}, {"score": (FLOAT, 2)}, w=w, all=np.array([-1]), first=np.array([0]))
    m = ox.load(proto, dtype="float64", batch_axis={"text": None}, verify="never")
    text = np.array(["1 2 4 3 3"], dtype=object)
    other = ox.DeepLift(baseline=np.array(["2 2 1"], dtype=object))
    whole = ox.explain(m, text, other, target=0)
    whole.check(rtol=1e-10)
    tokens = ox.load(proto, dtype="float64", inputs=["cut"], batch_axis={"cut": 0}, verify="never")
    each = ox.explain(tokens, np.array([["1", "2", "4", "3", "3"]], dtype=object), "gradient_x_input", target=0)
    assert each.values.shape == (1, 5, 1) and each.values[0, 2, 0] == 0, "a stop word gets nothing"
    assert whole.values.shape == (1, 1, 1)


def test_a_text_that_was_never_given_is_an_error_not_an_empty_one() -> None:
    m = ox.load(model([helper.make_node("RegexFullMatch", ["x"], ["y"], pattern="a")], {"x": (STRING, 1)}, {"y": (BOOL, 1)}))
    with pytest.raises(ox.InputError, match="1 codes are of no text that this model has been given"):
        m.predict(np.array([12345]))


def test_texts_are_kept_only_by_models_that_look_into_them() -> None:
    node = helper.make_node("Identity", ["x"], ["y"])
    moving = ox.load(model([node], {"x": (STRING, 1)}, {"y": (STRING, 1)}), verify="never")
    assert moving.predict(TEXTS)["y"].tolist() == TEXTS.tolist()
    assert not moving.inputs["x"].texts
    node = helper.make_node("StringConcat", ["x", "x"], ["y"])
    reading = ox.load(model([node], {"x": (STRING, 1)}, {"y": (STRING, 1)}), verify="never")
    assert reading.predict(np.array(["a"], dtype=object))["y"].tolist() == ["aa"]
    assert dict(reading.inputs["x"].texts) == {code("a"): "a", code("aa"): "aa"}


def test_a_lexicon_gives_texts_back() -> None:
    known = Lexicon()
    assert known.texts(known.codes(TEXTS)).tolist() == TEXTS.tolist() and known.texts(np.zeros((1, 1), np.int64)).tolist() == [[""]]
