"""Metrics agree with other people's implementations on random inputs, wherever one is published as a package."""

from collections.abc import Sequence

import numpy as np
import pytest

from tsft.evaluate.affiliation import affiliation
from tsft.evaluate.closed import accuracy, confusion, macro_f1
from tsft.evaluate.intervals import adjusted_f1, composite_f1, mask, point_rates
from tsft.evaluate.quantities import symmetric_error
from tsft.evaluate.texts import bleu_of, bleu_row, rouge_l, tokens

WORDS = ("trend", "up", "down", "period", "12", "3.5", "noise", "spike", "at", "point", "the", "kW")
SIGNS = "整体趋势上升下降平稳周期噪声明显事件点"


def stretches(generator: np.random.Generator, length: int) -> list[list[int]]:
    """One to four stretches that neither overlap nor touch."""
    cuts = np.sort(generator.choice(length + 1, 2 * int(generator.integers(1, 5)), replace=False))
    found = [[int(a), int(b)] for a, b in cuts.reshape(-1, 2)]
    return [each for each, before in zip(found, [[0, -1], *found], strict=False) if each[0] != before[1]]


def sentences(generator: np.random.Generator, language: str) -> list[str]:
    if language == "en":
        return [" ".join(generator.choice(WORDS, int(generator.integers(1, 20)))) for _ in range(12)]
    return ["".join(generator.choice(list(SIGNS), int(generator.integers(1, 25)))) for _ in range(12)]


@pytest.mark.parametrize("seed", range(20))
def test_closed_classes_agree_with_scikit_learn(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(seed)
    true, said = (generator.choice(["a", "b", "c", "d"], 60, p=[0.6, 0.2, 0.15, 0.05]).tolist() for _ in range(2))
    read = [None if generator.random() < 0.1 else each for each in said]
    known = sorted(set(true))
    found = confusion(true, read)
    texts = [each or "unread" for each in read]
    assert accuracy(found) == pytest.approx(metrics.accuracy_score(true, texts))
    expected = metrics.f1_score(true, texts, labels=known, average="macro", zero_division=0)
    assert macro_f1(found) == pytest.approx(expected)
    labels = [*found.classes, "unread"]
    table = metrics.confusion_matrix(true, texts, labels=labels)[: len(found.classes)]
    assert [[*row, missing] for row, missing in zip(found.counts, found.unread, strict=True)] == table.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_affiliation_agrees_with_the_reference_to_the_last_digits(seed):
    reference = pytest.importorskip("tsadmetrics.utils.functions_affiliation")
    generator = np.random.default_rng(seed)
    for _ in range(10):
        length = int(generator.integers(20, 300))
        said, true = stretches(generator, length), stretches(generator, length)
        expected = reference.pr_from_events([tuple(e) for e in said], [tuple(e) for e in true], (0, length))
        found = affiliation(said, true, length)
        assert (found.precision, found.recall) == pytest.approx((expected["precision"], expected["recall"]), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("PointadjustedFScore", adjusted_f1),
        ("CompositeFScore", composite_f1),
        ("PointwiseFScore", lambda said, true, length: point_rates(said, true, length).f1),
    ],
)
def test_metrics_of_points_agree_with_the_reference(name, ours):
    where = "spm" if name.startswith("Pointwise") else "tem.tpdm"
    reference = getattr(pytest.importorskip(f"tsadmetrics.metrics.{where}.{name}"), name)()
    generator = np.random.default_rng(7)
    for _ in range(100):
        length = int(generator.integers(20, 200))
        said, true = stretches(generator, length), stretches(generator, length)
        expected = reference.compute(mask(true, length).astype(int), mask(said, length).astype(int))
        assert ours(said, true, length) == pytest.approx(float(expected), abs=1e-12)


class Tokens:
    """Lets rouge-score cut as we do; its own tokenizer drops every Chinese character."""

    def tokenize(self, text: str) -> Sequence[str]:
        return tokens(text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_rouge_l_agrees_with_rouge_score(language):
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"], tokenizer=Tokens())
    for seed in range(5):
        generator = np.random.default_rng(seed)
        for said, true in zip(sentences(generator, language), sentences(generator, language), strict=True):
            expected, found = scorer.score(true, said)["rougeL"], rouge_l(said, true)
            assert (found.precision, found.recall, found.f1) == pytest.approx(
                (expected.precision, expected.recall, expected.fmeasure)
            )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_bleu_of_sums_agrees_with_the_corpus_bleu_of_sacrebleu(language):
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(tokenize="zh", lowercase=True)
    for seed in range(30):
        generator = np.random.default_rng(seed)
        said, true = sentences(generator, language), sentences(generator, language)
        sums = np.sum([bleu_row(a, b) for a, b in zip(said, true, strict=True)], axis=0, keepdims=True)
        assert bleu_of(sums)[0] == pytest.approx(scorer.corpus_score(said, [true]).score / 100, abs=1e-9)


def test_errors_of_numbers_agree_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(3)
    true, said = generator.normal(size=50), generator.normal(size=50)
    errors = [abs(a - b) for a, b in zip(said, true, strict=True)]
    assert np.mean(errors) == pytest.approx(metrics.mean_absolute_error(true, said))
    # sMAPE is the mean of |e| / mean size, which scikit-learn's MAPE gives when each error is set against that size.
    sizes = (np.abs(true) + np.abs(said)) / 2
    expected = metrics.mean_absolute_percentage_error(sizes, sizes + np.array(errors))
    found = np.mean([symmetric_error(a, b) for a, b in zip(said, true, strict=True)])
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(10))
def test_matched_events_agree_with_the_best_assignment(seed):
    solve = pytest.importorskip("scipy.optimize").linear_sum_assignment
    from tsft.evaluate.intervals import matched, overlap

    generator = np.random.default_rng(seed)
    for _ in range(20):
        said, true = stretches(generator, 60), stretches(generator, 60)
        for least in (0.1, 0.5):
            fits = np.array([[overlap(a, b) >= least for b in true] for a in said], dtype=float)
            rows, columns = solve(-fits)
            assert len(matched(said, true, least)) == fits[rows, columns].sum()
