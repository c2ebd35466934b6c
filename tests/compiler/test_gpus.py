"""The table of GPU products."""

from __future__ import annotations

import re

import pytest

from compiler import gpus


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("A100", "A100"),
        ("a100", "A100"),
        ("NVIDIA A100", "A100"),
        ("rtx 4090", "RTX-4090"),
        ("NVIDIA-GeForce-RTX-4090", "RTX-4090"),
        ("Tesla T4", "T4"),
        ("MI300X", "MI300X"),
        ("l40s", "L40S"),
    ],
)
def test_products_are_found_as_users_write_them(written: str, name: str) -> None:
    product = gpus.find(written)
    assert product is not None
    assert product.name == name


def test_one_model_s_label_means_that_model() -> None:
    product = gpus.find("NVIDIA-A100-SXM4-80GB")
    assert product is not None
    assert product.labels() == ("NVIDIA-A100-SXM4-80GB",)
    assert gpus.find("A1000") is None


def test_labels_are_those_with_enough_memory() -> None:
    product = gpus.PRODUCTS["A100"]
    assert all(label.startswith("NVIDIA-A100-") for label in product.labels())
    large = product.labels(80, "-SHARED")
    assert "NVIDIA-A100-SXM4-80GB-SHARED" in large
    assert not any("40GB" in label for label in large)


@pytest.mark.parametrize("product", gpus.PRODUCTS.values(), ids=lambda product: product.name)
def test_every_label_is_one_that_kubernetes_takes(product: gpus.Product) -> None:
    assert product.devices
    assert product.vendor in gpus.RESOURCE
    assert gpus.find(product.name) is product
    for label in product.labels():
        assert re.fullmatch(r"[a-zA-Z0-9][-._a-zA-Z0-9]{0,61}[a-zA-Z0-9]", label)
