from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.engines import Failure, Request, Response, Sampling
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.errors import InputError

PROMPTS = ["Tom has 2 pens .", "the answer is", "Step 1 : Tom gives 3 pens and has 1 .", "Step"]


def texts(engine: TransformersEngine, requests: list[Request]) -> list[str]:
    answers = dict(engine.generate(requests))
    assert sorted(answers) == list(range(len(requests)))
    assert all(isinstance(answer, Response) for answer in answers.values())
    return [answers[i].text for i in range(len(requests))]


def test_greedy_text_equals_that_of_generate(tiny_llama: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_llama).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    ours = texts(
        TransformersEngine(tiny_llama), [Request(prompt=p, sampling=Sampling(max_tokens=12)) for p in PROMPTS]
    )
    for prompt, text in zip(PROMPTS, ours, strict=True):
        inputs = tokenizer(prompt, return_tensors="pt")
        output = model.generate(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=12,
            do_sample=False, pad_token_id=1,
        )  # fmt: skip
        new = output[0, inputs["input_ids"].shape[1] :]
        assert text == tokenizer.decode(new, skip_special_tokens=True, clean_up_tokenization_spaces=False)


def test_a_sample_does_not_depend_on_its_batch(tiny_llama: Path) -> None:
    sampling = Sampling(temperature=1.0, top_p=0.9, max_tokens=10, seed=3)
    requests = [Request(prompt=p, sampling=sampling, index=i) for p in PROMPTS for i in range(5)]
    together = texts(TransformersEngine(tiny_llama, batch_size=64), requests)
    alone = texts(TransformersEngine(tiny_llama, batch_size=1), requests)
    backwards = texts(TransformersEngine(tiny_llama, batch_size=3), requests[::-1])[::-1]
    assert together == alone == backwards
    assert len(set(together)) > 10  # samples of one prompt differ


def test_the_seed_changes_the_samples(tiny_llama: Path) -> None:
    engine = TransformersEngine(tiny_llama)
    first, second = (
        [Request(prompt=p, sampling=Sampling(temperature=1.0, max_tokens=10, seed=s)) for p in PROMPTS]
        for s in (0, 1)
    )
    assert texts(engine, first) != texts(engine, second)
    assert texts(engine, first) == texts(engine, first)


def test_samples_follow_the_distribution_of_the_model(tiny_llama: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(tiny_llama),
        AutoTokenizer.from_pretrained(tiny_llama),
    )
    with torch.no_grad():
        logits = model(**tokenizer("Tom has", return_tensors="pt")).logits[0, -1]
    wanted = (logits / 0.7).softmax(-1)
    n = 2000
    sampling = Sampling(temperature=0.7, max_tokens=1)
    requests = [Request(prompt="Tom has", sampling=sampling, index=i) for i in range(n)]
    drawn = texts(TransformersEngine(tiny_llama, batch_size=n), requests)
    for token in wanted.topk(4).indices.tolist():
        p = float(wanted[token])
        share = sum(text == tokenizer.decode([token], skip_special_tokens=True) for text in drawn) / n
        if token > 2:  # special tokens leave no text
            assert abs(share - p) < 5 * (p * (1 - p) / n) ** 0.5 + 1e-9


def test_a_small_top_p_is_greedy(tiny_llama: Path) -> None:
    engine = TransformersEngine(tiny_llama)
    greedy = [Request(prompt=p, sampling=Sampling(max_tokens=8)) for p in PROMPTS]
    nucleus = [
        Request(prompt=p, sampling=Sampling(temperature=1.0, top_p=1e-6, max_tokens=8)) for p in PROMPTS
    ]
    assert texts(engine, greedy) == texts(engine, nucleus)


def test_stop_strings_end_the_text_and_are_not_in_it(tiny_llama: Path) -> None:
    engine = TransformersEngine(tiny_llama)
    hot = Sampling(temperature=2.0, max_tokens=20)
    requests = [Request(prompt="Tom has 2 pens .", sampling=hot, index=i) for i in range(20)]
    whole = texts(engine, requests)
    number = max(range(20), key=lambda i: len(whole[i].split()))
    words = whole[number].split()
    stop = words[4]
    stopping = Sampling(temperature=2.0, max_tokens=20, stop=(stop,))
    ((_, cut),) = engine.generate([Request(prompt=requests[0].prompt, sampling=stopping, index=number)])
    assert isinstance(cut, Response)
    assert cut.text.split() == words[: words.index(stop)]
    assert cut.finish_reason == "stop"


def test_length_is_reported_and_a_prompt_without_room_fails(tiny_llama: Path) -> None:
    engine = TransformersEngine(tiny_llama)
    requests = [
        *(Request(prompt="Tom", sampling=Sampling(temperature=2.0, max_tokens=2), index=i) for i in range(9)),
        Request(prompt="Tom " * 70, sampling=Sampling(max_tokens=2)),
    ]
    answers = dict(engine.generate(requests))
    refused = answers.pop(9)
    assert isinstance(refused, Failure)
    assert refused.reason == "prompt_too_long"
    cut = [a for a in answers.values() if isinstance(a, Response) and a.finish_reason == "length"]
    assert cut
    assert all(answer.completion_tokens == 2 for answer in cut)


# peft 0.21 reads a property that transformers 5 deprecates.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_changes_text_and_identity(tiny_llama: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama),
        LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    model.save_pretrained(tmp_path / "lora")
    plain, adapted = TransformersEngine(tiny_llama), TransformersEngine(tiny_llama, adapter=tmp_path / "lora")
    requests = [Request(prompt=p, sampling=Sampling(max_tokens=8)) for p in PROMPTS]
    assert texts(plain, requests) != texts(adapted, requests)
    assert adapted.model == "tiny-llama+lora"
    assert adapted.revision.startswith(plain.revision + "+sha256:")


def test_new_weights_at_an_old_path_are_another_model(tiny_llama: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "m"
    shutil.copytree(tiny_llama, folder)
    before = TransformersEngine(folder).revision
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    assert TransformersEngine(folder).revision != before
    assert TransformersEngine(tiny_llama).revision == before


@pytest.mark.parametrize("name", ["./nowhere", "a/b/c"])
def test_no_folder_is_said_in_one_line(name: str) -> None:
    with pytest.raises(InputError, match="is neither a folder nor a Hub id; give"):
        TransformersEngine(name)


def test_a_folder_without_a_model_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it has no config\.json"):
        TransformersEngine(tmp_path)
