"""What local sampling gives: the transformers and the vllm engine on the nano backbone, greedy, in one run.

    .venv-vllm/bin/python bench/local_models.py                 # after make test-vllm has made the environment
    .venv-vllm/bin/python bench/local_models.py --requests 200  # a quick look

Start: until the first answer, loading included. Tokens per second: new tokens of all requests, after the start.
4 shots: the same problems under four worked examples, which prefix caching computes once.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec

from lema_hub import nano
from lema_hub.engines import Engine, Request, Response, Sampling


def requests(n: int, shots: int) -> list[Request]:
    made = nano.generate("train", n + shots)
    prefix = "".join(f"{one.problem.question}\n{one.problem.gold_solution}\n\n" for one in made[:shots])
    sampling = Sampling(max_tokens=120)
    return [Request(prompt=f"{prefix}{one.problem.question}\n", sampling=sampling) for one in made[shots:]]


def measure(engine: Engine, asked: list[Request]) -> tuple[float, float, list[str]]:
    """Seconds to the first answer, new tokens per second after it, and the texts."""
    begin = time.perf_counter()
    list(engine.generate(asked[:1]))
    start = time.perf_counter() - begin
    begin = time.perf_counter()
    answers = dict(engine.generate(asked))
    seconds = time.perf_counter() - begin
    responses = [answer for _, answer in sorted(answers.items()) if isinstance(answer, Response)]
    return (
        start,
        sum(response.completion_tokens for response in responses) / seconds,
        [r.text for r in responses],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    n = parser.parse_args().requests
    if find_spec("vllm") is None:
        print(
            "vllm is not installed here; run: make test-vllm && .venv-vllm/bin/python bench/local_models.py"
        )
        return
    from lema_hub.engines.transformers import TransformersEngine
    from lema_hub.engines.vllm import VLLMEngine

    for shots in (0, 4):
        asked = requests(n, shots)
        engines: list[Engine] = [TransformersEngine(nano.backbone_path()), VLLMEngine(nano.backbone_path())]
        texts = []
        for engine in engines:
            start, speed, answered = measure(engine, asked)
            texts.append(answered)
            print(f"{shots} shots  {engine.name:12}  start {start:5.1f} s  {speed:8,.0f} tokens/s")
        same = sum(a == b for a, b in zip(*texts, strict=True))
        print(f"{shots} shots  equal texts  {same} of {n}")


if __name__ == "__main__":
    main()
