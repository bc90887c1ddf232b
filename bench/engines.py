"""What engines and ledger cost, beside their peers and the bounds, in one run.

    python bench/engines.py                 # all parts
    python bench/engines.py --requests 500  # a quick look

Part 1: 64 requests in flight at an endpoint with 200 ms latency, 1 % 429 and 1 % 500
(tests/endpoint.py, in a process of its own on the same cores): our engine with ledger, plain
AsyncOpenAI, AsyncOpenAI over aiohttp, each in a fresh process whose imports count. Of ideal: answered requests
per second over 64 / 0.2 s. CPU: user and system seconds per 1,000 requests.

Part 2: our engine is killed at half of its requests and started again: the answers that were paid and not
kept, and the seconds until the first new request arrives.

Part 3: sampling from the nano backbone on the CPU: our engine and `model.generate`, same prompts, batch and
tokens.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
LATENCY, IN_FLIGHT = 0.2, 64
OURS = "lema_hub, with ledger"
OF_IDEAL, CPU_S, PEAK_MB, RESTART_S = 0.83, 0.6, 80, 5.0  # the bounds


def ours(url: str, n: int, folder: Path | None = None) -> int:
    from lema_hub.engines import Ledger, Request, Response, Sampling
    from lema_hub.engines.openai import OpenAIEngine

    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return ours(url, n, Path(temporary))
    requests = [Request(prompt=f"question {i} " * 20, sampling=Sampling(temperature=0.7)) for i in range(n)]
    with Ledger(folder / "ledger.sqlite") as ledger:
        engine = OpenAIEngine("m", base_url=url, concurrency=IN_FLIGHT)
        return sum(isinstance(answer, Response) for answer in ledger.run(engine, requests, stage="bench"))


def openai_client(url: str, n: int, *, aiohttp: bool) -> int:
    import asyncio

    from openai import AsyncOpenAI, DefaultAioHttpClient

    async def run() -> int:
        done = 0
        numbers = iter(range(n))
        client = AsyncOpenAI(
            base_url=url,
            api_key="none",
            max_retries=6,
            http_client=DefaultAioHttpClient() if aiohttp else None,
        )
        async with client:

            async def work() -> None:
                nonlocal done
                for i in numbers:
                    await client.chat.completions.create(
                        model="m",
                        messages=[{"role": "user", "content": f"question {i} " * 20}],
                        temperature=0.7,
                        max_tokens=512,
                    )
                    done += 1

            await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return done

    return asyncio.run(run())


CLIENTS: dict[str, Callable[[str, int], int]] = {
    OURS: ours,
    "AsyncOpenAI over aiohttp": lambda url, n: openai_client(url, n, aiohttp=True),
    "AsyncOpenAI": lambda url, n: openai_client(url, n, aiohttp=False),
}


def measure(name: str, url: str, n: int) -> None:
    """Run one client in this process and print what it cost as JSON."""
    start, used = time.monotonic(), time.process_time()
    done = CLIENTS[name](url, n)
    seconds = time.monotonic() - start
    print(
        json.dumps(
            {
                "client": name,
                "answered": done,
                "of_ideal": round(done / seconds / (IN_FLIGHT / LATENCY), 3),
                "cpu_s_per_1000": round((time.process_time() - used) / n * 1000, 2),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


@contextmanager
def endpoint() -> Iterator[str]:
    command = [sys.executable, str(ROOT / "tests/endpoint.py"), "--latency", str(LATENCY)]
    command += ["--rate-429", "0.01", "--rate-500", "0.01"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def child(name: str, url: str, n: int, *more: str) -> list[str]:
    return [sys.executable, __file__, "--client", name, "--url", url, "--requests", str(n), *more]


def throughput(n: int) -> None:
    print(f"{'client':<26}{'answered':>9}{'of ideal':>10}{'CPU-s per 1,000':>17}{'peak MB':>9}")
    bound = f"{'bound':<26}{'':>9}{f'>= {OF_IDEAL}':>10}{f'<= {CPU_S}':>17}{f'<= {PEAK_MB}':>9}"
    with endpoint() as url:
        for name in CLIENTS:
            done = subprocess.run(child(name, url, n), check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout)
            print(
                f"{row['client']:<26}{row['answered']:>9}{row['of_ideal']:>10.3f}"
                f"{row['cpu_s_per_1000']:>17.2f}{row['peak_mb']:>9}",
                flush=True,
            )
            if name == OURS:
                print(bound)
    print(f"load average of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")


def stats(url: str) -> dict[str, Any]:
    with urlopen(url.removesuffix("/v1") + "/stats", timeout=10) as answer:
        return dict(json.load(answer))


def kill(n: int) -> None:
    from lema_hub.engines import Ledger

    with endpoint() as url, tempfile.TemporaryDirectory() as folder:
        command = child(OURS, url, n, "--folder", folder)
        first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while stats(url)["paid"] < n // 2:
            time.sleep(0.01)
        first.kill()
        first.wait()
        while (state := stats(url))["in_flight"]:
            time.sleep(0.01)
        with Ledger(Path(folder) / "ledger.sqlite") as ledger:
            kept = ledger.totals()[0].responses
        start = time.monotonic()
        second = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while stats(url)["seen"] == state["seen"]:
            time.sleep(0.005)
        restart = time.monotonic() - start
        second.wait()
        paid = stats(url)["paid"]
        with Ledger(Path(folder) / "ledger.sqlite") as ledger:
            rows = ledger.totals()[0].responses
    repeated = f"{paid - n} / {state['paid']}"
    print(f"{'kill -9 at half':<26}{'repeated / paid':>17}{'restart s':>11}{'rows':>16}")
    print(f"{OURS:<26}{repeated:>17}{restart:>11.2f}{f'{rows} of {n}':>16}")
    print(f"{'bound':<26}{f'<= {IN_FLIGHT}':>17}{f'<= {RESTART_S:g}':>11}{f'{n} of {n}':>16}")
    print(f"kept of what was paid before the kill: {kept}\n")


def sampling(n: int) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from lema_hub import nano, prompts, tasks
    from lema_hub.engines import Request, Response, Sampling
    from lema_hub.engines.transformers import TransformersEngine

    torch.set_num_threads(1)
    template = prompts.load("lema-cot")
    texts = [template.render(question=p.question) for p in tasks.load_problems("nano", "dev", limit=n)]
    engine = TransformersEngine(nano.backbone_path(), batch_size=64)
    how = Sampling(temperature=0.7, max_tokens=96)
    list(engine.generate([Request(prompt=texts[0], sampling=how)]))  # loads the model
    used = time.process_time()
    answers = engine.generate([Request(prompt=text, sampling=how) for text in texts])
    tokens = sum(answer.completion_tokens for _, answer in answers if isinstance(answer, Response))
    seconds = time.process_time() - used
    print(json.dumps({"sampler": "lema_hub", "tokens": tokens, "tokens_per_cpu_s": round(tokens / seconds)}))
    tokenizer = AutoTokenizer.from_pretrained(nano.backbone_path(), padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(nano.backbone_path()).eval()
    used, tokens = time.process_time(), 0
    for start in range(0, n, 64):
        batch = tokenizer(texts[start : start + 64], return_tensors="pt", padding=True)
        output = model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], do_sample=True,
            temperature=0.7, max_new_tokens=96, pad_token_id=tokenizer.eos_token_id,
        )  # fmt: skip
        new = output[:, batch["input_ids"].shape[1] :]
        tokens += int((new != tokenizer.eos_token_id).sum()) + len(new)
    seconds = time.process_time() - used
    print(
        json.dumps(
            {"sampler": "model.generate", "tokens": tokens, "tokens_per_cpu_s": round(tokens / seconds)}
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--problems", type=int, default=256)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        ours(options.url, options.requests, options.folder)
        return
    if options.client:
        measure(options.client, options.url, options.requests)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    throughput(options.requests)
    kill(options.requests)
    sampling(options.problems)


if __name__ == "__main__":
    main()
