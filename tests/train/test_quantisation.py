"""The guard against bitsandbytes' repacking on CPUs, on gradients of a real 4-bit layer."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.train.quantisation import keep_unpacked, nf4


def _gradient_cosine(backbone: Path, *, guarded: bool) -> tuple[float, float]:
    """Cosine of the gradients before and after a pass in eval mode, and the change of the loss."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        backbone, quantization_config=nf4(torch.float32), dtype=torch.float32
    )
    if guarded:
        assert keep_unpacked(model) == 2 * 7
    ids = torch.arange(5, 37).reshape(2, 16)

    def loss_and_gradient() -> tuple[float, torch.Tensor]:
        inputs = model.get_input_embeddings()(ids).detach().requires_grad_()
        loss = model(inputs_embeds=inputs, labels=ids).loss
        loss.backward()
        assert inputs.grad is not None
        return loss.item(), inputs.grad.flatten()

    model.train()
    loss_before, true = loss_and_gradient()
    model.eval()
    with torch.no_grad():
        model(ids)
    model.train()
    loss_after, later = loss_and_gradient()
    return float(torch.cosine_similarity(true, later, dim=0)), abs(loss_after - loss_before)


def test_gradients_stay_true_after_an_evaluation(backbone: Path) -> None:
    cosine, _ = _gradient_cosine(backbone, guarded=True)
    assert cosine == pytest.approx(1, abs=1e-6)


@pytest.mark.filterwarnings("ignore:bitsandbytes..gemv_4bit. an autograd kernel:UserWarning")
def test_without_the_guard_gradients_are_wrong_and_the_loss_does_not_tell(backbone: Path) -> None:
    from bitsandbytes.functional import has_avx512bf16

    if not has_avx512bf16():
        pytest.skip("this CPU has no AVX512_BF16: bitsandbytes does not repack here")
    cosine, loss_change = _gradient_cosine(backbone, guarded=False)
    assert cosine < 0.9
    assert loss_change < 0.01


def test_the_trainer_s_model_is_guarded_and_in_nf4_with_double_quantisation(
    recipe: object, tmp_path: Path
) -> None:
    from bitsandbytes.nn import Linear4bit

    from lema_hub.train.recipe import Recipe
    from lema_hub.train.sft import build_trainer, prepare

    assert isinstance(recipe, Recipe)
    trainer, _ = build_trainer(recipe, prepare(recipe), out=tmp_path)
    layers = [module for module in trainer.model.modules() if isinstance(module, Linear4bit)]
    assert len(layers) == 2 * 7
    for layer in layers:
        assert not layer.support_avx512bf16_for_cpu
        assert layer.weight.quant_state.quant_type == "nf4"
        assert layer.weight.quant_state.nested
