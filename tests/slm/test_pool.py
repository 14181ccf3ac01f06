"""Several adapters on one base: one engine, no answer that another's adapter had a part in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gguf
import numpy as np
import pytest

from sizewise.core.errors import SizewiseError
from sizewise.models.local_slm import LocalSlm, local_slm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.slm.pool import Pool, Seat, pool

from .tiny_gguf import FAMILIES, INNER, LAYERS, WIDTH, write_tiny

AMONG = list(range(20, 50))
PROMPTS = [[1, *range(first, first + 12)] for first in range(60, 90)]


def adapter(path: Path, seed: int) -> Path:
    """A random adapter of rank 2 beside what each layer puts out."""
    writer, random = gguf.GGUFWriter(path, "qwen2"), np.random.default_rng(seed)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    for layer in range(LAYERS):
        for name, inside, outside in (("attn_output", WIDTH, WIDTH), ("ffn_down", INNER, WIDTH)):
            for side, shape in (("a", (2, inside)), ("b", (outside, 2))):
                values = random.normal(0, 0.3, shape).astype(np.float32)
                writer.add_tensor(f"blk.{layer}.{name}.weight.lora_{side}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> LocalSlm:
    return local_slm(f"file:{write_tiny(tmp_path_factory.mktemp('base') / 'tiny.gguf', FAMILIES['chatml'])}")


@pytest.fixture
def seats(base: LocalSlm, tmp_path: Path) -> Iterator[list[Seat]]:
    own = Pool()
    taken = [own.join(base, adapter(tmp_path / f"{i}.gguf", i), 128, threads=1) for i in range(3)]
    yield taken
    for seat in taken:
        seat.leave()


def alone(base: LocalSlm, path: Path) -> list[list[float]]:
    """What an engine with this adapter and no other says, opened anew for every prompt's sake by reading it anew."""
    with Engine(base, EngineSettings(128, threads=1, exact=True, adapters=(path,))) as engine:
        return [engine.shares(prompt, AMONG, 0, anew=True) for prompt in PROMPTS]


def test_adapters_do_not_mix(base: LocalSlm, seats: list[Seat]) -> None:
    """Sixty requests that change the adapter each time, by four threads: to the last digit what each would say alone."""
    wanted = [alone(base, seat.adapter) for seat in seats]
    assert np.abs(np.array(wanted[0]) - np.array(wanted[1])).max() > 0.1
    jobs = [(i % 3, (i * 7) % len(PROMPTS)) for i in range(60)]
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda job: seats[job[0]].shares(PROMPTS[job[1]], AMONG), jobs))
    for (which, prompt), shares in zip(jobs, said, strict=True):
        assert shares == wanted[which][prompt]


def test_also_where_the_cache_is_used(base: LocalSlm, tmp_path: Path) -> None:
    """The same prompt again and again, its cache kept: every request names every adapter, so none answers for another."""
    paths = tuple(adapter(tmp_path / f"{i}.gguf", i) for i in range(2))
    with Engine(base, EngineSettings(128, threads=1, exact=True, adapters=paths)) as engine:
        fresh = {place: engine.shares(PROMPTS[0], AMONG, place, anew=True) for place in (None, 0, 1)}
        for place in (0, None, 1, None, 0, 0, 1, 1, None):
            np.testing.assert_allclose(engine.shares(PROMPTS[0], AMONG, place), fresh[place], atol=1e-4)


def test_one_engine_answers_for_all_and_ends_with_the_last(seats: list[Seat]) -> None:
    engines = {seat.engine().process_id for seat in seats}
    assert len(engines) == 1
    engine = seats[0].engine()
    for seat in seats[:2]:
        seat.leave()
    assert engine.alive
    seats[2].leave()
    assert not engine.alive


def test_whoever_comes_later_is_answered_too(base: LocalSlm, seats: list[Seat], tmp_path: Path) -> None:
    first = seats[0].shares(PROMPTS[0], AMONG)
    late = seats[0].base.joined(adapter(tmp_path / "late.gguf", 9), 256, 1)
    assert late.shares(PROMPTS[0], AMONG) == alone(base, late.adapter)[0]
    assert seats[0].shares(PROMPTS[0], AMONG) == first
    late.leave()


def test_an_engine_that_ended_is_opened_again(seats: list[Seat]) -> None:
    before = seats[1].shares(PROMPTS[3], AMONG)
    seats[1].engine().close()
    assert seats[1].shares(PROMPTS[3], AMONG) == before


def test_an_adapter_that_is_gone_is_said(base: LocalSlm, tmp_path: Path) -> None:
    with pytest.raises(SizewiseError, match=r"gone.gguf is missing"):
        pool().join(base, tmp_path / "gone.gguf", 128)
    assert pool() is pool()
