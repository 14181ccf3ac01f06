"""Memory: the estimate against every published file size, the measured one where there is one, and its arithmetic."""

from __future__ import annotations

import msgspec
import pytest

from sizewise.models.fit import MARGIN, fits
from sizewise.models.known_facts import OpenModel
from sizewise.models.listing import listing, open_model
from sizewise.models.memory_need import MIB, OFFERED, file_size, keys_and_values, memory_need

MODELS = listing().models
PUBLISHED = [
    (model, file) for model in MODELS for file in model.files if file.quantisation in OFFERED[model.kind]
]  # fmt: skip


def model(name: str) -> OpenModel:
    found = open_model(name)
    assert found is not None
    return found


@pytest.mark.parametrize(("known", "file"), PUBLISHED, ids=lambda x: getattr(x, "name", ""))
def test_the_estimate_is_within_three_per_cent_of_every_published_file(known: OpenModel, file: object) -> None:
    quantisation, size = file.quantisation, file.bytes  # type: ignore[attr-defined]
    estimate = file_size(msgspec.structs.replace(known, files=()), quantisation)
    assert estimate is not None
    assert estimate.how == "estimated"
    assert estimate.bytes == pytest.approx(size, rel=0.03)
    said = file_size(known, quantisation)
    assert said is not None
    assert (said.bytes, said.how) == (size, "published")


def test_there_are_published_sizes_to_hold_the_estimate_against() -> None:
    assert len(PUBLISHED) >= 12


@pytest.mark.parametrize(("context", "mib"), [(512, 374), (4_096, 374), (8_192, 456), (32_768, 456)])
def test_what_was_measured_is_taken_and_lies_below_the_estimate(context: int, mib: int) -> None:
    gemma = model("gemma-3-270m")
    measured = memory_need(gemma, "Q4_K_M", context)
    estimated = memory_need(msgspec.structs.replace(gemma, measured=()), "Q4_K_M", context)
    assert measured is not None
    assert estimated is not None
    assert (measured.mib, measured.how) == (mib, "measured")
    assert estimated.how == "estimated"
    assert measured.mib < estimated.mib, "the estimate is meant to be an upper bound"
    shorter = msgspec.structs.replace(gemma, measured=gemma.measured[:1])
    beyond = memory_need(shorter, "Q4_K_M", 8_192)
    assert beyond is not None
    assert beyond.how == "estimated", "nothing was measured at that context"


def test_the_sum_is_file_and_cache_and_runtime() -> None:
    llama = model("Llama-3.1-8B-Instruct")
    need = memory_need(llama, "Q4_K_M", 4_096)
    assert need is not None
    assert llama.architecture != "unknown"
    assert keys_and_values(llama.architecture, 4_096) == 2 * 32 * 8 * 128 * 4_096 * 2 == 512 * MIB
    assert need.mib == pytest.approx(4_918e6 / MIB + 512 + 300)


def test_a_context_beyond_the_models_own_is_cut() -> None:
    phi = model("Phi-3-mini-4k-instruct")
    assert memory_need(phi, "Q8_0", 4_096) == memory_need(phi, "Q8_0", 1_000_000)


@pytest.mark.parametrize("known", MODELS, ids=lambda m: m.name)
def test_finer_and_longer_needs_more(known: OpenModel) -> None:
    for context in (512, 4_096, 32_768):
        needs = [memory_need(known, quantisation, context) for quantisation in OFFERED[known.kind]]
        sizes = [need.mib for need in needs if need is not None]
        assert sizes == sorted(sizes, reverse=True)
    short, long = (memory_need(known, OFFERED[known.kind][0], context) for context in (256, 8_192))
    assert short is None or long is None or short.mib <= long.mib


def test_nothing_is_guessed_of_a_model_without_parameters_or_configuration() -> None:
    bert = model("ModernBERT-base")
    assert bert.parameters == "unknown"
    assert memory_need(bert, "F32") is None
    bare = msgspec.structs.replace(model("phi-4"), architecture="unknown")
    assert memory_need(bare, "Q8_0") is None
    assert file_size(bare, "Q8_0") is not None


def test_what_fits_leaves_the_margin_and_what_does_not_says_how_much_is_missing() -> None:
    for entry in fits(MODELS, 4_000):
        if entry.best is not None:
            assert entry.best.mib <= 4_000 * (1 - MARGIN)
            assert entry.missing_mib == 0
        elif entry.least is not None:
            assert entry.missing_mib is not None
            (again,) = fits([entry.model], 4_000 + entry.missing_mib + 0.01)
            assert again.best == entry.least, "with so much more it fits"
            (short,) = fits([entry.model], 4_000 + entry.missing_mib - 1)
            assert short.best is None
        else:
            assert entry.missing_mib is None


def test_on_an_empty_machine_nothing_fits_and_on_a_huge_one_everything_at_its_finest() -> None:
    assert all(entry.best is None for entry in fits(MODELS, 0))
    for entry in fits(MODELS, 1e6):
        assert entry.least is None or (entry.best and entry.best.quantisation == OFFERED[entry.model.kind][0])
