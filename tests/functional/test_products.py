"""Large products have the accuracy of single precision, whichever library computes them."""

import torch

from graphmarl.functional import products
from graphmarl.functional.products import fast_products, onednn_is_faster


def test_products_are_exact_to_single_precision_and_the_setting_is_restored():
    a, b = torch.randn(600, 256), torch.randn(256, 128)
    exact = a.double() @ b.double()
    with fast_products(600, 256):
        found = a @ b
        inside = torch.get_float32_matmul_precision()
    # A sum of 256 products of numbers of about 1 is rounded to about 256^0.5 2^-24; bfloat16
    # would err by 2^-8.
    assert (found - exact).abs().max() < 1e-4
    assert inside == ("medium" if onednn_is_faster() else "highest")
    assert torch.get_float32_matmul_precision() == "highest"


def test_small_products_and_a_precision_that_was_set_are_left_alone(monkeypatch):
    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    with fast_products(10, 64):
        assert torch.get_float32_matmul_precision() == "highest"
    with fast_products(10_000, 64):
        assert torch.get_float32_matmul_precision() == "medium"
    torch.set_float32_matmul_precision("high")
    try:
        with fast_products(10_000, 64):
            assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_it_is_not_used_where_the_processor_would_round_more(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert not onednn_is_faster.__wrapped__()
