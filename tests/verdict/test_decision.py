from __future__ import annotations

import copy
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest

from sizewise.core.measurement import (
    Circumstance,
    DataMeasurement,
    Measured,
    Measurements,
    ModelProbes,
    OutOfFold,
    Probe,
    RungMeasurement,
    Shift,
)
from sizewise.core.task import Bar
from sizewise.core.verdict import Verdict
from sizewise.verdict.decision import decide
from sizewise.verdict.more_data import rows_needed
from sizewise.verdict.wording import codes

from .measurements import IDENTITY, SOME, certificate, forecast, large, measured, near, of_gold, rung, system


def verdict(measurements: Measurements) -> Verdict:
    return decide(measurements, IDENTITY)


def said(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


SHORT = certificate(None, n=98)
CLOSED = Bar(perimeter="closed")
SPLIT_WITHOUT_TEST = DataMeasurement("0" * 64, 100, 100, 60, 40, 0, 0, 0, 0)

#: what an LLM wrote, tried
WRITTEN: dict[str, str | float | int | None] = {
    "n": 200, "rung": "encoder", "difference": 0.002, "low": -0.001, "high": 0.005, "rows": 7_003,
}  # fmt: skip


def on_sample(difference: float, low: float) -> RungMeasurement:
    """A rung that was judged on few rows."""
    score = Measured(0.93, 0.9, 0.95, 100)
    return rung("slm-tuned", out_of_fold=OutOfFold("coverage", score, difference, low))


#: what was measured → decision, what binds, and a reason that must be given
RULE: dict[str, tuple[Measurements, str, str, str]] = {
    "everything answered": (measured(0.0, 1.0), "small", "none", "bound_holds_for_all"),
    "everything answered, gold": (of_gold(0.0, 1.0), "small", "none", "bound_holds_for_all"),
    "a threshold": (measured(0.6, 0.7), "cascade", "quality", "coverage_enough"),
    "a threshold, gold": (of_gold(0.6), "cascade", "quality", "bound_holds_at_threshold"),
    "too little covered": (measured(0.9, 0.1), "large", "coverage", "coverage_too_low"),
    "lower bound of coverage below": (measured(0.9, 0.22), "large", "coverage", "coverage_too_low"),
    "a lower least coverage": (measured(0.9, 0.1, bar=Bar(min_coverage=0.05)), "cascade", "quality", "coverage_enough"),
    "no threshold": (measured(None), "large", "quality", "no_threshold"),
    "data alone will not": (measured(None, forecast=forecast()), "large", "quality", "more_data_alone_will_not"),
    "more data would do": (measured(None, forecast=forecast(train=SOME)), "more-data", "data", "more_rows_would_do"),
    "more data may do": (
        measured(0.9, 0.1, forecast=forecast(both=replace(SOME, high=None))), "more-data", "data", "more_rows_may_do",
    ),
    "no threshold, gold": (of_gold(None), "large", "quality", "no_threshold"),
    "no threshold, no LLM": (measured(None, large=None), "large", "quality", "no_small_qualifies"),
    "no threshold, closed": (measured(None, bar=CLOSED), "large", "quality", "perimeter_forbids_large"),
    "a threshold, closed": (measured(0.6, bar=CLOSED), "cascade", "quality", "perimeter_closed"),
    "too few rows": (measured(None, certificates=(SHORT,)), "more-data", "data", "too_few_calibration_rows"),
    "too few groups": (
        measured(None, certificates=(certificate(None, n=3_000, groups=98),)),
        "more-data", "data", "too_few_calibration_rows",
    ),
    "just enough rows": (measured(None, certificates=(certificate(None, n=99),)), "large", "quality", "no_threshold"),
    "one bound of two": (
        replace(of_gold(0.6), certificates=(certificate(0.6, "excess"), certificate(None)), system=None),
        "large", "quality", "no_threshold",
    ),
    "no threshold in common": (
        replace(of_gold(0.6), certificates=(certificate(0.6, "excess"), certificate(0.99)), system=None),
        "large", "coverage", "no_common_threshold",
    ),
    "no test rows": (measured(0.6, data=SPLIT_WITHOUT_TEST, system=None), "more-data", "data", "no_test_rows"),
    "latency": (measured(0.6, bar=Bar(latency_p95_ms=3)), "large", "latency", "latency_exceeds"),
    "latency's upper end": (measured(0.6, bar=Bar(latency_p95_ms=4.2)), "large", "latency", "latency_exceeds"),
    "latency kept": (measured(0.6, bar=Bar(latency_p95_ms=4.6)), "cascade", "quality", "coverage_enough"),
    "memory": (measured(0.0, 1.0, bar=Bar(memory_mb=149)), "large", "memory", "memory_exceeds"),
    "memory kept": (measured(0.0, 1.0, bar=Bar(memory_mb=150)), "small", "none", "bound_holds_for_all"),
    "cost, small": (measured(0.0, 1.0, bar=Bar(volume_per_month=1_000)), "large", "cost", "cost_exceeds"),
    "another language": (
        measured(0.6, circumstances=(Circumstance("encoder_by_language", {"share": 1, "script": "Greek", "encoder": "e"}),)),
        "cascade", "quality", "encoder_by_language",
    ),
    "climbing would not pay": (
        measured(0.6, circumstances=(Circumstance(
            "upper_not_needed", {"rung": "encoder", "saved": 0.5, "today": 1.0, "possible": 1.0, "margin": 0.01}
        ),)),
        "cascade", "quality", "upper_not_needed",
    ),
    "too few rows to climb": (
        measured(0.6, circumstances=(Circumstance("upper_too_few_rows", {"rows": 5, "needed": 8}),)),
        "cascade", "quality", "upper_too_few_rows",
    ),
    "a tuned encoder": (
        measured(0.6, circumstances=(Circumstance(
            "encoder_tuned", {"parts": 3, "epochs": 6, "way": "both", "same": 0.998, "rows": 1_000}
        ),)),
        "cascade", "quality", "encoder_tuned",
    ),
    "written inputs that do not help": (
        measured(0.6, circumstances=(Circumstance("written_dropped", WRITTEN),)), "cascade", "quality", "written_dropped",
    ),
    "code of others": (
        measured(0.6, circumstances=(Circumstance("foreign_code", {"encoder": "e"}),)), "cascade", "quality", "foreign_code",
    ),
    "cost, cascade": (measured(0.6, bar=Bar(volume_per_month=1_000)), "large", "cost", "cost_exceeds"),
    "cost repaid": (measured(0.0, 1.0, bar=Bar(volume_per_month=100_000)), "small", "none", "bound_holds_for_all"),
    "cost unknown": (
        measured(0.0, 1.0, bar=Bar(volume_per_month=10), large=large(cost_per_1k_usd=None)),
        "small", "none", "bound_holds_for_all",
    ),
    "cost, but closed": (
        measured(0.0, 1.0, bar=Bar(volume_per_month=10, perimeter="closed")), "small", "none", "bound_holds_for_all",
    ),
    "latency before memory before cost": (
        measured(0.6, bar=Bar(latency_p95_ms=1, memory_mb=1, volume_per_month=1)), "large", "latency", "latency_exceeds",
    ),
    "memory before cost": (
        measured(0.6, bar=Bar(memory_mb=1, volume_per_month=1)), "large", "memory", "memory_exceeds",
    ),
    "smaller rung": (
        measured(0.6, chosen="keywords"), "cascade", "quality", "smallest_as_good",
    ),
    "better rung beyond the limit": (
        measured(0.6, chosen="keywords", rungs=(rung("keywords", 0.8), rung("encoder", 0.9, 0.1))),
        "cascade", "quality", "better_passed_over",
    ),
    "better on a sample": (
        measured(0.6, chosen="slm-tuned", rungs=(rung("encoder", 0.9), on_sample(0.03, 0.01))),
        "cascade", "quality", "better_on_sample",
    ),
    "not shown on a sample": (
        measured(0.6, chosen="encoder", rungs=(rung("encoder", 0.9), on_sample(0.03, -0.01))),
        "cascade", "quality", "better_not_shown",
    ),
    "no LLM": (measured(0.6, large=None), "cascade", "quality", "coverage_enough"),
}  # fmt: skip


@pytest.mark.parametrize("case", RULE)
def test_the_rule(case: str) -> None:
    measurements, wanted, binding, code = RULE[case]
    found = verdict(measurements)
    assert (found.decision, found.binding_constraint) == (wanted, binding)
    assert code in said(found)
    assert all(reason.text for reason in found.reasons)


@pytest.mark.parametrize("case", RULE)
def test_the_same_measurements_give_the_same_verdict(case: str) -> None:
    measurements = RULE[case][0]
    before = copy.deepcopy(measurements)
    assert verdict(measurements) == verdict(copy.deepcopy(measurements))
    assert measurements == before
    assert verdict(measurements) == replace(
        decide(measurements, replace(IDENTITY, run_id="another", created="later", seconds={"total": 9.0})),
        run_id=IDENTITY.run_id, created=IDENTITY.created, seconds=dict(IDENTITY.seconds),
    )  # fmt: skip


@pytest.mark.parametrize("case", RULE)
def test_every_verdict_says_what_it_must(case: str) -> None:
    measurements = RULE[case][0]
    found = verdict(measurements)
    assert found.reasons
    assert found.limits == tuple(limit.text for limit in found.limit_codes)
    assert found.small is not None
    assert found.small.name == measurements.chosen
    assert (found.cascade is None) == (measurements.system is None)
    expected = found.decision == "more-data" or (found.decision == "large" and measurements.forecast is not None)
    assert (found.more_data is not None) == expected
    assert found.guarantee in found.guarantees
    assert not found.contradicted


def test_small_fills_the_cascade_with_everything_answered() -> None:
    found = verdict(measured(0.0, 1.0))
    assert found.cascade is not None
    assert (found.cascade.threshold, found.cascade.coverage.value) == (0.0, 1.0)
    assert found.guarantee is not None
    assert found.guarantee.holds
    assert found.guarantee.bound == found.guarantee.bound_answering_all


def test_a_better_rung_beyond_the_limit_is_not_called_as_good() -> None:
    found = verdict(RULE["better rung beyond the limit"][0])
    assert "smallest_as_good" not in said(found)
    (passed,) = [r for r in found.reasons if r.code == "better_passed_over"]
    assert (passed.parameters["rung"], passed.parameters["chosen"]) == ("encoder", "keywords")


@pytest.mark.parametrize("case", ["better on a sample", "not shown on a sample"])
def test_what_a_sample_shows_is_said_as_that(case: str) -> None:
    assert not {"smallest_as_good", "better_passed_over"} & set(said(verdict(RULE[case][0])))


def test_the_best_rung_itself_needs_no_excuse() -> None:
    assert not {"smallest_as_good", "better_passed_over"} & set(said(verdict(measured(0.6))))


def test_the_binding_guarantee_is_the_failing_one_else_the_highest_threshold() -> None:
    failing = replace(of_gold(None), certificates=(certificate(0.6, "excess"), certificate(None)))
    found = verdict(failing).guarantee
    assert found is not None
    assert (found.quantity, found.holds) == ("risk", False)
    holding = replace(of_gold(0.8), certificates=(certificate(0.6, "excess"), certificate(0.8)))
    found = verdict(holding).guarantee
    assert found is not None
    assert (found.quantity, found.threshold) == ("risk", 0.8)


@pytest.mark.parametrize(
    ("limit", "delta", "needed"), [(0.03, 0.05, 99), (0.01, 0.05, 299), (0.03, 0.01, 152), (0.5, 0.5, 1)]
)
def test_rows_needed_is_the_fewest_that_pass_without_an_error(limit: float, delta: float, needed: int) -> None:
    assert rows_needed(limit, delta) == needed
    assert (1 - limit) ** needed <= delta + 1e-12
    assert (1 - limit) ** (needed - 1) > delta


def test_more_data_says_how_many() -> None:
    found = verdict(measured(None, certificates=(certificate(None, n=40), certificate(None, "excess", n=40))))
    assert found.more_data is not None
    assert found.more_data.examples == 299 - 40
    without_test = verdict(RULE["no test rows"][0]).more_data
    assert without_test is not None
    assert without_test.examples is None


def test_target_is_named_where_it_applies() -> None:
    assert verdict(measured()).target == 0.97
    assert verdict(of_gold(0.6)).target is None
    assert verdict(of_gold(0.6, target=0.9)).target == 0.9


def test_contradiction_comes_first_and_the_decision_stands() -> None:
    contradicting = measured(0.6, system=system(0.6, 0.7, risk_lower_bound=0.031))
    found = verdict(contradicting)
    assert found.contradicted
    assert found.limit_codes[0].code == "test_contradicts"
    assert found.limits[0].startswith("The test rows contradict the guarantee")
    assert found.decision == verdict(measured(0.6)).decision


def test_contradiction_of_the_excess() -> None:
    lost = system(0.6, 0.7, excess=near(0.05), excess_lower_bound=0.02)
    found = verdict(replace(of_gold(0.6), system=lost))
    assert found.contradicted
    assert found.limit_codes[0].code == "test_contradicts"
    assert found.limit_codes[0].parameters["quantity"] == "excess"


@pytest.mark.parametrize("low", [0.0299, 0.03])
def test_test_within_the_limit_is_no_contradiction(low: float) -> None:
    assert not verdict(measured(0.6, system=system(0.6, 0.7, risk_lower_bound=low))).contradicted


def test_a_risk_that_was_not_certified_is_not_contradicted() -> None:
    assert not verdict(replace(of_gold(0.6), system=system(0.6, 0.7, risk_lower_bound=0.2))).contradicted


PROBE = Probe("layout", near(0.4), None, None)
PROBED = ModelProbes("gpt-4o", "large", 100, None, (PROBE,), (PROBE,), near(0.1), near(0.3))
LIMITS: dict[str, Measurements] = {
    "language_not_read": measured(
        0.6, circumstances=(Circumstance("language_not_read", {"share": 0.5, "script": "Cyrillic", "install": "pip"}),)
    ),
    "closed_form": measured(0.6, circumstances=(Circumstance("closed_form", {"rows": 94_000, "labels": 1_000}),)),
    "sampled": measured(0.6, circumstances=(Circumstance("sampled", {"rung": "slm-prompted", "rows": 200}),)),
    "set_aside": measured(0.6, circumstances=(Circumstance("set_aside", {"rung": "slm-tuned", "rows": 800}),)),
    "prompt_holds_examples": measured(
        0.6, circumstances=(Circumstance("prompt_holds_examples", {"rung": "slm-prompted", "n": 77}),)
    ),
    "written_kept": measured(0.6, circumstances=(Circumstance("written_kept", WRITTEN),)),
    "upper_not_installed": measured(
        0.6, circumstances=(Circumstance("upper_not_installed", {"rung": "encoder-tuned", "install": "pip"}),)
    ),
    "upper_not_possible": measured(
        0.6, circumstances=(Circumstance("upper_not_possible", {"rung": "encoder-tuned", "why": "too little memory"}),)
    ),
    "upper_unplanned": measured(0.6, circumstances=(Circumstance("upper_unplanned", {"rung": "mine"}),)),
    "upper_out_of_time": measured(
        0.6,
        circumstances=(
            Circumstance("upper_out_of_time", {"rung": "slm-tuned", "needs": 50.0, "left": 12.5, "minutes": 30.0}),
        ),
    ),
    "upper_stopped": measured(0.6, circumstances=(Circumstance("upper_stopped", {"rung": "slm-tuned", "took": 30.0}),)),
    "hangs_on_wording": measured(0.6, probes=(PROBED,)),
    "hangs_on_form": measured(0.6, probes=(replace(PROBED, model="encoder", kind="trained"),)),
    "like_calibration": measured(0.6),
    "like_calibration_all": measured(0.0, 1.0),
    "agreement_only": measured(0.6),
    "reference_llm_with_gold": measured(0.6, large=large(accuracy=near(0.8))),
    "labels_shift": measured(0.6, shifts=(Shift("labels", 0.2, 1e-5),)),
    "approximate_groups": measured(0.6, certificates=(certificate(0.6, groups=2_900),)),
    "leakage": measured(0.6, data=DataMeasurement("0", 1_000, 900, 500, 300, 600, 3, 0, 0)),
    "small_test": measured(0.6, data=DataMeasurement("0", 1_000, 900, 500, 300, 499, 0, 0, 0)),
    "unusable_answers": measured(0.6, data=DataMeasurement("0", 1_000, 900, 500, 300, 600, 0, 0, 7)),
    "latency_here": measured(0.6),
    "no_cost": measured(0.6, large=large(cost_per_1k_usd=None)),
    "test_contradicts": measured(0.6, system=system(0.6, 0.7, risk_lower_bound=0.1)),
}


@pytest.mark.parametrize("code", LIMITS)
def test_limits(code: str) -> None:
    assert code in [limit.code for limit in verdict(LIMITS[code]).limit_codes]


def test_limits_are_not_given_without_cause() -> None:
    plain = {limit.code for limit in verdict(measured(0.6)).limit_codes}
    assert plain == {"like_calibration", "agreement_only", "latency_here"}


def test_every_code_is_reachable_and_none_is_unknown() -> None:
    given = {r.code for case in RULE.values() for r in verdict(case[0]).reasons}
    given |= {limit.code for measurements in LIMITS.values() for limit in verdict(measurements).limit_codes}
    assert given == set(codes())


def test_numbers_are_finite() -> None:
    def check(value: Any) -> None:
        if isinstance(value, float):
            assert math.isfinite(value)
        elif isinstance(value, tuple | list):
            for item in value:
                check(item)
        elif isinstance(value, dict):
            for item in value.values():
                check(item)
        elif is_dataclass(value):
            for field in fields(value):
                check(getattr(value, field.name))

    for measurements, *_ in RULE.values():
        check(verdict(measurements))
