"""claims@dataset: reproduce published results and compare them with the published numbers."""

from handwriting.common.stage.command import run

from handwriting.claims import protocols, published
from handwriting.claims.protocols import ReproducedComparison, Reproduction
from handwriting.claims.published import Claim, Comparison, PublishedResults
from handwriting.common import images
from handwriting.common.params.schema import Params
from handwriting.common.params.yaml_reader import read_yaml
from handwriting.common.stage import paths, read_params
from handwriting.common.stage.outputs import write_csv
from handwriting.evaluation import statistics
from handwriting.evaluation.statistics import Interval


def main(dataset: str) -> None:
    """Reproduce the claims and comparisons of claims.yaml about one dataset."""
    params = read_params.load()
    params.dataset(dataset)
    results = published.parse(read_yaml(paths.PUBLISHED_CLAIMS), str(paths.PUBLISHED_CLAIMS))
    claims = [claim for claim in results.claims if claim.dataset == dataset]
    comparisons = [entry for entry in results.comparisons if entry.dataset == dataset]
    reproductions, compared = protocols.reproduce(
        claims, comparisons, images.load(paths.flat(dataset))
    )
    write_csv(
        (
            "name", "quote", "source", "claimed", "measured", "n_images", "low", "high",
            "minimum", "maximum", "agrees", "same_predictions", "p_value", "verdict",
            "n_images_needed",
        ),
        [
            _claim_row(claim, found, results, params)
            for claim, found in zip(claims, reproductions, strict=True)
        ],
        paths.plots(dataset) / "claims.csv",
    )  # fmt: skip
    write_csv(
        (
            "name", "quote", "source", "first", "second", "first_accuracy", "second_accuracy",
            "n_images", "first_only", "second_only", "p_value", "claimed", "agrees",
        ),
        [
            _comparison_row(entry, found, results, params)
            for entry, found in zip(comparisons, compared, strict=True)
        ],
        paths.plots(dataset) / "comparisons.csv",
    )  # fmt: skip


def _claim_row(
    claim: Claim, found: Reproduction, results: PublishedResults, params: Params
) -> tuple[object, ...]:
    claimed, confidence = params.verdict.claimed_accuracy, params.evaluate.confidence
    interval = statistics.exact_interval(found.n_correct, found.n_images, confidence)
    verdict = statistics.test_accuracy(found.n_correct, found.n_images, claimed, confidence)
    return (
        claim.name,
        claim.quote,
        str(results.write_ups[claim.write_up]),
        claim.claimed_accuracy,
        found.accuracy,
        found.n_images,
        interval.low,
        interval.high,
        found.minimum,
        found.maximum,
        _agreement(claim, interval),
        protocols.count_same_predictions(claim, found.predicted),
        verdict.p_value,
        str(verdict.decision),
        statistics.images_needed(found.accuracy, claimed, confidence, params.verdict.power),
    )


def _agreement(claim: Claim, interval: Interval) -> str | None:
    """Return whether a claim is in the interval of what was measured; None without a number."""
    if claim.claimed_accuracy is not None:
        if claim.claimed_accuracy < interval.low:
            return "no, claim too low"
        return "yes" if claim.claimed_accuracy <= interval.high else "no, claim too high"
    if claim.claimed_below is not None:
        return "yes" if interval.high < claim.claimed_below else "no, claim too low"
    return None


def _comparison_row(
    entry: Comparison, found: ReproducedComparison, results: PublishedResults, params: Params
) -> tuple[object, ...]:
    p_value = statistics.mcnemar_p_value(found.first_only, found.second_only)
    is_different = p_value <= 1 - params.evaluate.confidence
    return (
        entry.name,
        entry.quote,
        str(results.write_ups[entry.write_up]),
        *_labels(entry),
        found.first.accuracy,
        found.second.accuracy,
        found.first.n_images,
        found.first_only,
        found.second_only,
        p_value,
        entry.claimed,
        _comparison_agreement(entry, found, is_different),
    )


def _labels(entry: Comparison) -> tuple[str, str]:
    """Return the kinds of both models, with the hyperparameters that differ if these are equal."""
    if entry.first.kind != entry.second.kind:
        return entry.first.kind, entry.second.kind
    first, second = entry.first.model_dump(), entry.second.model_dump()
    names = [name for name in first if first[name] != second[name]]
    return (
        " ".join([entry.first.kind, *(str(first[name]) for name in names)]),
        " ".join([entry.second.kind, *(str(second[name]) for name in names)]),
    )


def _comparison_agreement(
    entry: Comparison, found: ReproducedComparison, is_different: bool
) -> str:
    """Return "yes", "no" or "cannot tell"."""
    if entry.claimed == "no difference":
        return "no" if is_different else "yes"
    if not is_different:
        return "cannot tell"
    return "yes" if found.first_only > found.second_only else "no"


if __name__ == "__main__":
    run(main)
