"""claims: what others published, replayed by their own protocols and judged."""

from handwriting import claims, images, inference, scoring
from handwriting.claims import Replay
from handwriting.params import Claim, Verdict
from stages import parameters, paths
from stages.command import run
from stages.outputs import write_csv, write_json

_COLUMNS = (
    "name",
    "dataset",
    "claimed",
    "measured",
    "images",
    "low",
    "high",
    "least",
    "most",
    "agrees",
    "same_predictions",
    "p_value",
    "verdict",
    "images_needed",
    "said",
    "where",
)


def main() -> None:
    """Replay every claim of params.yaml; hold it against the result and against the statement."""
    params = parameters.load()
    names = sorted({claim.dataset for claim in params.claims})
    datasets = {name: images.load(paths.flat(name)) for name in names}
    sizes = {name: params.dataset(name).image for name in names}
    replays = claims.replay(params.claims, datasets, sizes)
    rows = [
        _row(claim, replay, params.verdict, params.evaluate.confidence)
        for claim, replay in zip(params.claims, replays, strict=True)
    ]
    # Words stay in the table, and so does what a claim has not got.
    write_json(
        {
            f"{row['name']}_{column}": value
            for row in rows
            for column, value in row.items()
            if isinstance(value, int | float)
        },
        paths.claims_metrics(),
    )
    write_csv(_COLUMNS, [list(row.values()) for row in rows], paths.claims_table())


def _row(
    claim: Claim, replay: Replay, verdict: Verdict, confidence: float
) -> dict[str, float | str | None]:
    """Judge one claim; the keys are `_COLUMNS`."""
    interval = scoring.proportion(replay.right, replay.images, confidence)
    agrees = claims.agrees(claim, interval.low, interval.high)
    judgement = inference.judge(replay.right, replay.images, verdict.accuracy, confidence)
    values = (
        claim.name,
        claim.dataset,
        claim.accuracy,
        replay.measured,
        replay.images,
        interval.low,
        interval.high,
        replay.least,
        replay.most,
        None if agrees is None else int(agrees),
        claims.same_predictions(claim, replay.predicted),
        judgement.p_value,
        str(judgement.decision),
        inference.images_needed(replay.measured, verdict.accuracy, confidence, verdict.power),
        claim.said,
        claim.where,
    )
    return dict(zip(_COLUMNS, values, strict=True))


if __name__ == "__main__":
    run(main)
