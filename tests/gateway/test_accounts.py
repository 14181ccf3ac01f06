"""What the metrics, the log and the store say of the same requests agrees."""

from __future__ import annotations

from pathlib import Path

from .scripted_upstream import ScriptedUpstream
from .whole_server import chat, serving


def test_metrics_log_and_store_agree(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with serving(tmp_path, upstream=f"{upstream.url}/v1") as served:
        upstream.next(None, None, "429", "reset")
        statuses = [served.post(chat(f"раз {number}", stream=number == 1))[0] for number in range(4)]
        assert statuses == [200, 200, 429, 502]
        assert served.post(b"", path="/metrics")[0] == 405
        counted = served.counted()
        requests = {key[2]: value for key, value in counted.items() if key[0] == "sizewise_requests_total"}
        assert requests == {"200": 2, "429": 1, "502": 1}
        assert counted["sizewise_request_seconds_count", "large", ""] == 4
        assert counted["sizewise_failures_total", "upstream cut"] == 1
        assert counted["sizewise_records_written_total",] == len(served.exchanges()) == 4
        served.until(lambda: served.counted()["sizewise_requests_running",] == 0)
        served.stop()
        told = served.log_lines("request")
        assert [line["status"] for line in told] == statuses
        assert {line["id"] for line in told} == {exchange.id for exchange in served.exchanges()}
        assert "раз" not in served.log
