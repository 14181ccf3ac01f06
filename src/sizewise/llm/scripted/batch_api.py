"""The upstream's batch APIs: OpenAI's files and batches, Anthropic's message batches."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sizewise.llm.scripted import wire

if TYPE_CHECKING:
    from sizewise.llm.scripted.upstream import Upstream

DATE = "2026-11-24T00:00:00Z"


def add_batches(app: web.Application, upstream: Upstream) -> None:
    """openai.types.FileObject, openai.types.Batch; anthropic.types.messages.MessageBatch."""
    from sizewise.llm.scripted.upstream import Seen, last_text

    def note(dialect: str, request: web.Request, body: Any) -> None:
        upstream.seen.append(Seen(dialect, request.path, body, dict(request.headers), 0.0))

    async def upload(request: web.Request) -> web.Response:
        form = await request.post()
        held = form["file"]
        assert isinstance(held, web.FileField)
        name = f"file-{len(upstream.files)}"
        upstream.files[name] = held.file.read()
        told = {
            "id": name, "object": "file", "bytes": 1, "created_at": 1, "filename": "f", "purpose": "batch",
            "status": "processed",
        }  # fmt: skip
        return web.json_response(told)

    async def download(request: web.Request) -> web.Response:
        return web.Response(body=upstream.files[request.match_info["id"]])

    async def create(request: web.Request) -> web.Response:
        body = await request.json()
        note("openai batch", request, body)
        step = upstream._next()
        if step.status != 200:
            return web.json_response(step.body, status=step.status, headers=step.headers)
        name = f"batch_{len(upstream.batches)}"
        upstream.batches[name] = {"input": body["input_file_id"], "polls": 0}
        return web.json_response(openai_batch(name))

    def openai_batch(name: str) -> wire.JSON:
        held = upstream.batches[name]
        done = held["polls"] >= upstream.polls_until_done
        if done and "output" not in held:
            lines: list[str] = []
            errors: list[str] = []
            for line in upstream.files[held["input"]].splitlines():
                entry = json.loads(line)
                step = upstream._next()
                text = step.text if step.text is not None else upstream.answer(last_text(entry["body"]))
                body = wire.openai(text, entry["body"]["model"], step.tokens or (120, 6), step.ended)
                ok = step.status == 200
                response = {"status_code": step.status, "request_id": "r", "body": body if ok else step.body}
                told = {"id": "b", "custom_id": entry["custom_id"], "response": response, "error": None}
                (lines if ok else errors).insert(0, json.dumps(told))  # in no order that may be relied on
            held["output"], held["errors"] = f"{name}-out", f"{name}-err"
            upstream.files[f"{name}-out"] = "\n".join(lines).encode()
            upstream.files[f"{name}-err"] = "\n".join(errors).encode()
        return {
            "id": name, "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": held["input"],
            "completion_window": "24h", "created_at": 1, "status": upstream.batch_status if done else "in_progress",
            "output_file_id": held.get("output"), "error_file_id": held.get("errors"),
            "request_counts": {"total": 1, "completed": int(done), "failed": 0},
        }  # fmt: skip

    async def poll(request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if name not in upstream.batches:
            return web.json_response(wire.openai_error(404, "no such batch"), status=404)
        upstream.batches[name]["polls"] += 1
        return web.json_response(openai_batch(name))

    async def create_messages(request: web.Request) -> web.Response:
        body = await request.json()
        note("anthropic batch", request, body)
        name = f"msgbatch_{len(upstream.batches)}"
        upstream.batches[name] = {"requests": body["requests"], "polls": 0}
        return web.json_response(message_batch(name))

    def message_batch(name: str) -> wire.JSON:
        held = upstream.batches[name]
        done = held["polls"] >= upstream.polls_until_done
        total = len(held["requests"])
        counts = {
            "processing": 0 if done else total, "succeeded": total if done else 0, "errored": 0, "canceled": 0,
            "expired": 0,
        }  # fmt: skip
        return {
            "id": name, "type": "message_batch", "processing_status": "ended" if done else "in_progress",
            "request_counts": counts, "created_at": DATE, "expires_at": DATE, "ended_at": DATE if done else None,
            "results_url": f"{upstream.address}/v1/messages/batches/{name}/results" if done else None,
        }  # fmt: skip

    async def poll_messages(request: web.Request) -> web.Response:
        name = request.match_info["id"]
        upstream.batches[name]["polls"] += 1
        return web.json_response(message_batch(name))

    async def results(request: web.Request) -> web.Response:
        lines: list[str] = []
        for entry in upstream.batches[request.match_info["id"]]["requests"]:
            step = upstream._next()
            text = step.text if step.text is not None else upstream.answer(last_text(entry["params"]))
            result: wire.JSON = {
                "type": "succeeded",
                "message": wire.anthropic(text, entry["params"]["model"], step.tokens or (120, 6), step.ended),
            }
            if step.status != 200:
                result = {"type": "errored", "error": step.body}
            lines.insert(0, json.dumps({"custom_id": entry["custom_id"], "result": result}))
        return web.Response(text="\n".join(lines) + "\n", content_type="application/x-jsonl")

    app.router.add_post("/v1/files", upload)
    app.router.add_get("/v1/files/{id}/content", download)
    app.router.add_post("/v1/batches", create)
    app.router.add_get("/v1/batches/{id}", poll)
    app.router.add_post("/v1/messages/batches", create_messages)
    app.router.add_get("/v1/messages/batches/{id}", poll_messages)
    app.router.add_get("/v1/messages/batches/{id}/results", results)
