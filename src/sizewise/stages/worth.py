"""How many labels are worth buying, by the forecast of a run, and what they cost at a price."""

from __future__ import annotations

from sizewise.core.record import RunRecord

KINDS = {"train": "train rows", "calibrate": "calibration rows", "both": "rows, train and calibration in proportion"}


def worth_buying(record: RunRecord, usd_a_label: float, open_rows: int) -> list[str]:
    """Sentences in English: how many further labels lead to the bar, or what twice as many would give."""
    verdict = record.verdict
    more = verdict.more_data
    if more is not None and more.examples is not None:
        if more.enough is None:
            return [
                f"worth it    at least {more.examples:,} more calibration rows are needed before anything can be certified: "
                f"at least ${more.examples * usd_a_label:,.2f} at this price"
            ]
        upper = f"{more.high:,}" if more.high is not None else "perhaps more than four times today's"
        span = f" ({more.low or more.examples:,} to {upper})" if more.high != more.examples else ""
        kind = KINDS[more.kind] if more.kind else "rows"
        lines = [
            f"worth it    about {more.examples:,} more {kind}{span} would reach the bar, by the forecast of that run: "
            f"about ${more.examples * usd_a_label:,.2f} at this price"
        ]
        if open_rows > more.examples:
            lines.append(
                f"            {open_rows:,} rows are open here: label the first {more.examples:,}, then decide again"
            )
        return lines
    if more is not None and more.enough is False:
        return ["worth it    more labels alone would not reach the bar, by the forecast of that run", *_twice(record)]
    if verdict.decision in ("small", "cascade"):
        return ["worth it    that run reached its bar without further labels", *_twice(record)]
    return [
        "worth it    that run foresaw nothing: too few rows, or a rung that was judged on a sample",
        *_twice(record),
    ]


def _twice(record: RunRecord) -> list[str]:
    """What twice the train rows would give: the accuracy or agreement, and the coverage, where they were foreseen."""
    forecast = record.measurements.forecast
    lines = []
    for curve in forecast.curves if forecast is not None else ():
        ahead = {point.times: point for point in curve.foreseen}
        if curve.by == "train" and 1.0 in ahead and 2.0 in ahead:
            now, then = ahead[1.0], ahead[2.0]
            lines.append(
                f"            {then.rows - now.rows:,} more train rows: {curve.metric} {100 * now.value:.1f} → "
                f"{100 * then.value:.1f} % ({100 * then.low:.1f} to {100 * then.high:.1f}, {100 * curve.level:.0f} % interval)"
            )
    return lines
