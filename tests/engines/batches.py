"""The endpoint with a Files and a Batch API that behave as OpenAI's documentation says.

https://platform.openai.com/docs/api-reference/batch: an input file is validated, its lines are answered one
by one, then output and error file appear. Prompts can ask for the faults of the endpoint, line by line.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.endpoint import Connection, Endpoint, Reply, failure, reply

STATUSES = ("validating", "in_progress", "finalizing", "completed")


@dataclass
class BatchEndpoint(Endpoint):
    """`step` seconds lie between the statuses, lines are answered on the way to `finalizing`.

    `expire_after` answers so many lines of each batch and lets the rest expire; `queue` is how many requests
    may be under way in all batches, beyond it a batch fails; `lost_creations` batches are made, but their
    maker gets a 500; `cancelling` cancels every batch before its first line.
    """

    step: float = 0.02
    expire_after: int | None = None
    queue: int | None = None
    lost_creations: int = 0
    cancelling: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: int = 0
    polls: int = 0

    def receive(
        self, connection: Connection, method: str, path: str, headers: dict[str, str], raw: bytes
    ) -> None:
        route = path.partition("?")[0].removeprefix("/v1/")
        if not route.startswith(("files", "batches")):
            super().receive(connection, method, path, headers, raw)
            return
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            connection.send(failure(401, "Incorrect API key provided", "invalid_api_key"))
            return
        connection.send(self._route(method, route, path, headers, raw))

    def _route(self, method: str, route: str, path: str, headers: dict[str, str], raw: bytes) -> Reply:
        _, _, rest = route.partition("/")
        name = rest.partition("/")[0]
        match method, route.partition("/")[0], rest.partition("/")[2]:
            case "POST", "files", "" if not name:
                return self._upload(headers, raw)
            case "GET", "files", "content" if name in self.files:
                return Reply(body=self.files[name])
            case "POST", "batches", "" if not name:
                return self._create(json.loads(raw))
            case "GET", "batches", "" if not name:
                after = re.search(r"after=([\w-]+)", path)
                names = list(self.batches)[::-1]
                begin = names.index(after[1]) + 1 if after else 0
                page = names[begin : begin + 20]
                data = [self.batches[one] for one in page]
                more = begin + 20 < len(names)
                return reply({"object": "list", "data": data, "has_more": more})
            case "GET", "batches", "" if name in self.batches:
                self.polls += 1
                return reply(self.batches[name])
        return failure(404, f"no such object: {route}", "not_found")

    def _upload(self, headers: dict[str, str], raw: bytes) -> Reply:
        boundary = headers["content-type"].partition("boundary=")[2].encode()
        fields: dict[str, bytes] = {}
        for part in raw.split(b"--" + boundary)[1:-1]:
            head, _, body = part.strip(b"\r\n").partition(b"\r\n\r\n")
            name = re.search(rb'name="(\w+)"', head)
            assert name
            fields[name[1].decode()] = body
        if fields.get("purpose") != b"batch":
            return failure(400, "purpose must be 'batch'", "invalid_value", param="purpose")
        self.uploads += 1
        name_ = f"file-{len(self.files)}"
        self.files[name_] = fields["file"]
        return reply(
            {
                "id": name_, "object": "file", "bytes": len(fields["file"]), "created_at": int(time.time()),
                "filename": "input.jsonl", "purpose": "batch", "status": "processed",
            }
        )  # fmt: skip

    def _create(self, asked: dict[str, Any]) -> Reply:
        if asked["input_file_id"] not in self.files:
            return failure(400, "no such file", "invalid_value", param="input_file_id")
        if asked["completion_window"] != "24h":
            return failure(400, "completion_window must be '24h'", "invalid_value", param="completion_window")
        name = f"batch_{len(self.batches)}"
        self.batches[name] = {
            "id": name, "object": "batch", "status": "validating", "errors": None,
            "endpoint": asked["endpoint"], "input_file_id": asked["input_file_id"],
            "completion_window": "24h", "output_file_id": None, "error_file_id": None,
            "created_at": int(time.time()), "metadata": asked.get("metadata"),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        }  # fmt: skip
        self.loop.call_later(self.step, self._validate, name)
        if self.lost_creations:
            self.lost_creations -= 1
            return failure(500, "The server had an error", "server_error")
        return reply(self.batches[name])

    def _validate(self, name: str) -> None:
        batch = self.batches[name]
        errors, lines = [], []
        for number, text in enumerate(self.files[batch["input_file_id"]].splitlines(), start=1):
            line = json.loads(text)
            lines.append(line)
            if line.get("method") != "POST" or line.get("url") != batch["endpoint"]:
                errors.append(
                    {"code": "invalid_url", "message": "the URL is not the batch's", "line": number}
                )
            if line["body"]["model"] not in self.models:
                errors.append({"code": "model_not_found", "message": "no such model", "line": number})
        if len({line["custom_id"] for line in lines}) < len(lines):
            errors.append({"code": "duplicate_custom_id", "message": "custom_id stands twice"})
        if len(lines) > 50_000 or len(self.files[batch["input_file_id"]]) > 200_000_000:
            errors.append({"code": "too_large", "message": "more than 50,000 requests or 200 MB"})
        under_way = sum(b["request_counts"]["total"] for b in self.batches.values() if _goes(b))
        if self.queue is not None and under_way + len(lines) > self.queue:
            errors.append({"code": "token_limit_exceeded", "message": "Enqueued token limit reached"})
        if errors:
            batch |= {"status": "failed", "errors": {"object": "list", "data": errors}}
            return
        batch |= {
            "status": "in_progress",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
        }
        self.loop.call_later(self.step, self._work, name, lines)

    def _work(self, name: str, lines: list[dict[str, Any]]) -> None:
        batch = self.batches[name]
        if self.cancelling:
            batch["status"] = "cancelled"
            return
        output, errors = [], []
        for number, line in enumerate(lines):
            if self.expire_after is not None and number >= self.expire_after:
                expired = {"code": "batch_expired", "message": "This request could not be executed in time."}
                errors.append(
                    {"id": f"r{number}", "custom_id": line["custom_id"], "response": None, "error": expired}
                )
                continue
            self.seen.append(line["body"])
            answer = self.answer(line["body"])
            response = {"status_code": answer.status, "request_id": "x", "body": json.loads(answer.body)}
            row = {"id": f"r{number}", "custom_id": line["custom_id"], "response": response, "error": None}
            (output if answer.status == 200 else errors).append(row)
        for kind, rows in (("output", output), ("error", errors)):
            if rows:
                file = f"file-{kind}-{name}"
                self.files[file] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
                batch[f"_{kind}"] = file
        counts = {"total": len(lines), "completed": len(output), "failed": len(errors)}
        batch |= {"status": "finalizing", "request_counts": counts}
        self.loop.call_later(self.step, self._end, name)

    def _end(self, name: str) -> None:
        batch = self.batches[name]
        batch["output_file_id"], batch["error_file_id"] = (
            batch.pop("_output", None),
            batch.pop("_error", None),
        )
        batch["status"] = "expired" if self.expire_after is not None else "completed"


def _goes(batch: dict[str, Any]) -> bool:
    return batch["status"] in ("in_progress", "finalizing")
