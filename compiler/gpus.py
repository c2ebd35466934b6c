"""The GPU products that are known by name: what their nodes are labelled, how much memory they have, how they divide.

Sources:
NVIDIA gpu-feature-discovery (`nvidia.com/gpu.product`: the driver's name of the device, blanks as dashes),
the AMD GPU node labeller (`amd.com/gpu.product-name`), the Intel device plugin's NFD rules (`gpu.intel.com/product`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

PRODUCT_LABEL: Final[Mapping[str, str]] = {
    "nvidia": "nvidia.com/gpu.product",
    "amd": "amd.com/gpu.product-name",
    "intel": "gpu.intel.com/product",
}
RESOURCE: Final[Mapping[str, str]] = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/i915"}


class Device(NamedTuple):
    """One model of a product: the value of its node label, and its memory in GiB."""

    label: str
    memory: int


class Product(NamedTuple):
    """A product as definitions name it, with all models sold under that name and its MIG profiles (NVIDIA)."""

    name: str
    vendor: str
    devices: tuple[Device, ...]
    mig: tuple[str, ...] = ()

    def labels(self, memory: int = 0, suffix: str = "") -> tuple[str, ...]:
        """The label values of the models with at least `memory` GiB, each with `suffix` (`-SHARED`, `-MIG-1g.10gb`)."""
        return tuple(device.label + suffix for device in self.devices if device.memory >= memory)


# Each product with its models, each the value of its node label and its memory in GiB.
_MODELS: Final[Mapping[str, Mapping[str, str]]] = {
    "nvidia": {
        "A100": (
            "NVIDIA-A100-SXM4-40GB=40 NVIDIA-A100-SXM4-80GB=80 NVIDIA-A100-SXM-64GB=64 NVIDIA-A100-PCIE-40GB=40 "
            "NVIDIA-A100-PCI-40GB=40 NVIDIA-A100-80GB-PCIe=80 NVIDIA-A100-PCIE-80GB=80"
        ),
        "A800": "NVIDIA-A800-SXM4-80GB=80 NVIDIA-A800-80GB-PCIe=80 NVIDIA-A800-40GB-Active=40",
        "H100": (
            "NVIDIA-H100-80GB-HBM3=80 NVIDIA-H100-PCIe=80 NVIDIA-H100-NVL=94 NVIDIA-H100-64GB-HBM2=64 "
            "NVIDIA-H100-SXM5-94GB=94"
        ),
        "H800": "NVIDIA-H800=80 NVIDIA-H800-PCIe=80",
        "H20": "NVIDIA-H20=96 NVIDIA-H20-3e=141",
        "H200": "NVIDIA-H200=141 NVIDIA-H200-NVL=141",
        "GH200": "NVIDIA-GH200-480GB=96 NVIDIA-GH200-120GB=96 NVIDIA-GH200-144G-HBM3e=144",
        "B200": "NVIDIA-B200=180",
        "B300": "NVIDIA-B300-SXM6-AC=270",
        "GB200": "NVIDIA-GB200=186",
        "GB300": "NVIDIA-GB300=279",
        "A30": "NVIDIA-A30=24",
        "A2": "NVIDIA-A2=16",
        "A10": "NVIDIA-A10=24",
        "A10G": "NVIDIA-A10G=24",
        "A16": "NVIDIA-A16=16",
        "A40": "NVIDIA-A40=48",
        "L4": "NVIDIA-L4=24",
        "L20": "NVIDIA-L20=48",
        "L40": "NVIDIA-L40=48",
        "L40S": "NVIDIA-L40S=48",
        "T4": "Tesla-T4=16 NVIDIA-T4=16",
        "P4": "Tesla-P4=8",
        "P40": "Tesla-P40=24",
        "P100": "Tesla-P100-PCIE-16GB=16 Tesla-P100-PCIE-12GB=12 Tesla-P100-SXM2-16GB=16",
        "V100": (
            "Tesla-V100-SXM2-16GB=16 Tesla-V100-SXM2-32GB=32 Tesla-V100-SXM3-32GB=32 Tesla-V100-PCIE-16GB=16 "
            "Tesla-V100-PCIE-32GB=32 Tesla-V100-FHHL-16GB=16 Tesla-V100S-PCIE-32GB=32"
        ),
        "RTX-2080-TI": "NVIDIA-GeForce-RTX-2080-Ti=11 GeForce-RTX-2080-Ti=11",
        "RTX-3080": "NVIDIA-GeForce-RTX-3080=10",
        "RTX-3090": "NVIDIA-GeForce-RTX-3090=24",
        "RTX-4080": "NVIDIA-GeForce-RTX-4080=16 NVIDIA-GeForce-RTX-4080-SUPER=16",
        "RTX-4090": "NVIDIA-GeForce-RTX-4090=24 NVIDIA-GeForce-RTX-4090-D=24",
        "RTX-5080": "NVIDIA-GeForce-RTX-5080=16",
        "RTX-5090": "NVIDIA-GeForce-RTX-5090=32 NVIDIA-GeForce-RTX-5090-D=32",
        "RTX-A2000": "NVIDIA-RTX-A2000=6 NVIDIA-RTX-A2000-12GB=12",
        "RTX-A4000": "NVIDIA-RTX-A4000=16",
        "RTX-A4500": "NVIDIA-RTX-A4500=20",
        "RTX-A5000": "NVIDIA-RTX-A5000=24",
        "RTX-A5500": "NVIDIA-RTX-A5500=24",
        "RTX-A6000": "NVIDIA-RTX-A6000=48",
        "RTX-4000-ADA": "NVIDIA-RTX-4000-Ada-Generation=20 NVIDIA-RTX-4000-SFF-Ada-Generation=20",
        "RTX-4500-ADA": "NVIDIA-RTX-4500-Ada-Generation=24",
        "RTX-5000-ADA": "NVIDIA-RTX-5000-Ada-Generation=32",
        "RTX-6000-ADA": "NVIDIA-RTX-6000-Ada-Generation=48",
        "RTX-PRO-6000": (
            "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition=96 NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition=96 "
            "NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition=96"
        ),
        "RTX-6000": "Quadro-RTX-6000=24",
        "RTX-8000": "Quadro-RTX-8000=48",
        "TITAN-RTX": "NVIDIA-TITAN-RTX=24 TITAN-RTX=24",
    },
    "amd": {
        "MI100": "AMD_Instinct_MI100=32",
        "MI210": "AMD_Instinct_MI210=64",
        "MI250": "AMD_Instinct_MI250=128",
        "MI250X": "AMD_Instinct_MI250X=128 AMD_Instinct_MI250X_MCM_OAM_AC_MBA=128",
        "MI300A": "AMD_Instinct_MI300A=128",
        "MI300X": "AMD_Instinct_MI300X=192 AMD_Instinct_MI300X_OAM=192",
        "MI300": "AMD_Instinct_MI300A=128 AMD_Instinct_MI300X=192 AMD_Instinct_MI300X_OAM=192",
        "MI325X": "AMD_Instinct_MI325X=256 AMD_Instinct_MI325X_OAM=256",
    },
    "intel": {
        "FLEX-140": "Flex_140=12",
        "FLEX-170": "Flex_170=16",
        "MAX-1100": "Max_1100=48",
        "MAX-1550": "Max_1550=128",
    },
}
_MIG: Final[Mapping[str, str]] = {
    "A100 A800": "1g.5gb 1g.10gb 1g.20gb 2g.10gb 2g.20gb 3g.20gb 3g.40gb 4g.20gb 4g.40gb 7g.40gb 7g.80gb",
    "H100 H800 GH200": (
        "1g.10gb 1g.12gb 1g.20gb 1g.24gb 2g.20gb 2g.24gb 3g.40gb 3g.48gb 4g.40gb 4g.48gb 7g.80gb 7g.96gb"
    ),
    "H200": "1g.18gb 1g.35gb 2g.35gb 3g.71gb 4g.71gb 7g.141gb",
    "B200": "1g.23gb 1g.45gb 2g.45gb 3g.90gb 4g.90gb 7g.180gb",
    "A30": "1g.6gb 2g.12gb 4g.24gb",
    "RTX-PRO-6000": "1g.24gb 2g.48gb 4g.96gb",
}


def _devices(models: str) -> tuple[Device, ...]:
    pairs = (model.split("=") for model in models.split())
    return tuple(Device(label, int(memory)) for label, memory in pairs)


def _mig(name: str) -> tuple[str, ...]:
    return next((tuple(profiles.split()) for names, profiles in _MIG.items() if name in names.split()), ())


PRODUCTS: Final[Mapping[str, Product]] = {
    name: Product(name, vendor, _devices(models), _mig(name))
    for vendor, products in _MODELS.items()
    for name, models in products.items()
}
_SEPARATORS = re.compile(r"[\s_]+")
_PREFIX = re.compile(r"^(NVIDIA|AMD|INTEL|TESLA|GEFORCE|QUADRO|INSTINCT|DATA-CENTER-GPU)-")


def find(product: str) -> Product | None:
    """The product of a name as users write it (`a100`, `RTX 4090`, `NVIDIA-A100`), or None where it is unknown.

    The label of one model (`NVIDIA-A100-SXM4-80GB`) gives the product with that model alone.
    """
    if product in PRODUCTS:
        return PRODUCTS[product]
    for known in PRODUCTS.values():
        if exact := tuple(device for device in known.devices if device.label == product):
            return Product(known.name, known.vendor, exact, known.mig)
    name = _SEPARATORS.sub("-", product.strip().upper())
    while name not in PRODUCTS and (bare := _PREFIX.sub("", name)) != name:
        name = bare
    return PRODUCTS.get(name)
