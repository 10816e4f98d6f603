import torch

from phenolens.model.pool import pool


def test_each_sequence_has_the_mean_of_its_rows_in_any_order():
    logits = torch.tensor([[1.0, 2.0], [3.0, 8.0], [5.0, 0.0], [6.0, 4.0]])
    found = pool(logits, torch.tensor([1, 0, 1, 1]), 2)
    assert found.tolist() == [[3.0, 8.0], [4.0, 2.0]]


def test_one_row_each_is_the_logits_themselves():
    logits = torch.randn((5, 3), generator=torch.Generator().manual_seed(1))
    assert torch.equal(pool(logits, torch.arange(5), 5), logits)
    assert pool(logits[:0], torch.arange(0), 0).shape == (0, 3)


def test_gradients_reach_every_row_by_its_share():
    logits = torch.zeros((3, 2), requires_grad=True)
    pool(logits, torch.tensor([0, 0, 1]), 2).sum().backward()
    assert logits.grad.tolist() == [[0.5, 0.5], [0.5, 0.5], [1.0, 1.0]]
