"""The guard against bitsandbytes' repacking on CPUs: the gradient, and a whole run with an evaluation in it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub.train import Recipe, prepare, quantisation
from lema_hub.train.quantisation import keep_unpacked, nf4
from lema_hub.train.sft import build_trainer

if TYPE_CHECKING:
    import torch

# What torch says, once a process, of the backward pass that is not there.
unguarded = pytest.mark.filterwarnings("ignore:bitsandbytes..gemv_4bit. an autograd kernel:UserWarning")


def _needs_repacking_cpu() -> None:
    from bitsandbytes.functional import has_avx512bf16

    if not has_avx512bf16():
        pytest.skip("this CPU has no AVX512_BF16: bitsandbytes does not repack here")


def _plain(model: Any) -> Any:
    """The same function without bitsandbytes: ordinary layers that hold the values of the 4-bit weights."""
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    plain = copy.deepcopy(model)
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, Linear4bit):
            linear = torch.nn.Linear(layer.in_features, layer.out_features, bias=False)
            linear.weight = torch.nn.Parameter(dequantize_4bit(layer.weight.data, layer.weight.quant_state))
            plain.set_submodule(name, linear)
    return plain


def _loss_and_gradient(model: Any) -> tuple[float, torch.Tensor]:
    import torch

    ids = torch.arange(5, 37).reshape(2, 16)
    inputs = model.get_input_embeddings()(ids).detach().requires_grad_()
    loss = model(inputs_embeds=inputs, labels=ids).loss
    loss.backward()
    return loss.item(), inputs.grad.flatten()


def _after_an_evaluation(backbone: Path, *, guarded: bool) -> tuple[float, float]:
    """Cosine of the gradient to the true one after a pass in eval mode, and the error of the loss."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        backbone, quantization_config=nf4(torch.float32), dtype=torch.float32
    )
    true_loss, true = _loss_and_gradient(_plain(model))
    if guarded:
        assert keep_unpacked(model) == 2 * 7
    model.eval()
    with torch.no_grad():
        model(torch.arange(5, 37).reshape(2, 16))
    model.train()
    loss, gradient = _loss_and_gradient(model)
    return float(torch.cosine_similarity(true, gradient, dim=0)), abs(loss - true_loss)


def test_gradients_stay_true_after_an_evaluation(backbone: Path) -> None:
    cosine, loss_error = _after_an_evaluation(backbone, guarded=True)
    assert cosine == pytest.approx(1, abs=1e-5)
    assert loss_error < 1e-4


@unguarded
def test_without_the_guard_gradients_are_wrong_and_the_loss_does_not_tell(backbone: Path) -> None:
    _needs_repacking_cpu()
    cosine, loss_error = _after_an_evaluation(backbone, guarded=False)
    assert cosine < 0.9
    assert loss_error < 0.01


def _adapter(recipe: Recipe, out: Path, *, evaluate: bool) -> dict[str, torch.Tensor]:
    import torch
    from transformers import TrainerCallback

    class Evaluate(TrainerCallback):
        def on_step_end(self, *_: Any, model: Any, **__: Any) -> None:
            model.eval()
            with torch.no_grad():
                model(torch.arange(5, 37).reshape(2, 16))
            model.train()

    trainer, _ = build_trainer(recipe, prepare(recipe), out=out)
    if evaluate:
        trainer.add_callback(Evaluate())
    trainer.train()
    return {name: value for name, value in trainer.model.named_parameters() if value.requires_grad}


def test_an_evaluation_in_the_middle_does_not_change_a_run(recipe: Recipe, tmp_path: Path) -> None:
    plain, evaluated = (_adapter(recipe, tmp_path / str(flag), evaluate=flag) for flag in (False, True))
    assert all(bool((plain[name] == evaluated[name]).all()) for name in plain)


@unguarded
def test_without_the_guard_an_evaluation_spoils_a_run(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _needs_repacking_cpu()
    monkeypatch.setattr(quantisation, "keep_unpacked", lambda _: 0)
    plain, evaluated = (_adapter(recipe, tmp_path / str(flag), evaluate=flag) for flag in (False, True))
    assert any(bool((plain[name] != evaluated[name]).any()) for name in plain)


def test_the_trainer_s_model_is_guarded_and_in_nf4_with_double_quantisation(
    recipe: Recipe, tmp_path: Path
) -> None:
    from bitsandbytes.nn import Linear4bit

    trainer, _ = build_trainer(recipe, prepare(recipe), out=tmp_path)
    layers = [module for module in trainer.model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 2 * 7
    for layer in layers:
        assert not layer.support_avx512bf16_for_cpu
        assert layer.weight.quant_state.quant_type == "nf4"
        assert layer.weight.quant_state.nested
