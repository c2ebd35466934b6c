"""The GPU products that are known by name: what their nodes are labelled, how much memory they have, how they divide.

Sources:
NVIDIA gpu-feature-discovery (`nvidia.com/gpu.product`: the driver's name of the device, blanks as dashes),
the AMD GPU node labeller (`amd.com/gpu.product-name`), the Intel device plugin's NFD rules (`gpu.intel.com/product`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PRODUCT_LABEL: Final[Mapping[str, str]] = {
    "nvidia": "nvidia.com/gpu.product",
    "amd": "amd.com/gpu.product-name",
    "intel": "gpu.intel.com/product",
}
RESOURCE: Final[Mapping[str, str]] = {"nvidia": "nvidia.com/gpu", "amd": "amd.com/gpu", "intel": "gpu.intel.com/i915"}


@dataclass(frozen=True, slots=True)
class Device:
    """One model of a product: the value of its node label, and its memory in GiB."""

    label: str
    memory: int


@dataclass(frozen=True, slots=True)
class Product:
    """A product as definitions name it, with all models sold under that name and its MIG profiles (NVIDIA)."""

    name: str
    vendor: str
    devices: tuple[Device, ...]
    mig: tuple[str, ...] = ()

    def labels(self, memory: int = 0, suffix: str = "") -> tuple[str, ...]:
        """The label values of the models with at least `memory` GiB, each with `suffix` (`-SHARED`, `-MIG-1g.10gb`)."""
        return tuple(device.label + suffix for device in self.devices if device.memory >= memory)


_A100_MIG = (
    "1g.5gb",
    "1g.10gb",
    "1g.20gb",
    "2g.10gb",
    "2g.20gb",
    "3g.20gb",
    "3g.40gb",
    "4g.20gb",
    "4g.40gb",
    "7g.40gb",
    "7g.80gb",
)
_H100_MIG = (
    "1g.10gb",
    "1g.12gb",
    "1g.20gb",
    "1g.24gb",
    "2g.20gb",
    "2g.24gb",
    "3g.40gb",
    "3g.48gb",
    "4g.40gb",
    "4g.48gb",
    "7g.80gb",
    "7g.96gb",
)
_H200_MIG = ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb")
_B200_MIG = ("1g.23gb", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb")
_A30_MIG = ("1g.6gb", "2g.12gb", "4g.24gb")

_NVIDIA: Final[Mapping[str, tuple[tuple[tuple[str, int], ...], tuple[str, ...]]]] = {
    "A100": (
        (
            ("NVIDIA-A100-SXM4-40GB", 40),
            ("NVIDIA-A100-SXM4-80GB", 80),
            ("NVIDIA-A100-SXM-64GB", 64),
            ("NVIDIA-A100-PCIE-40GB", 40),
            ("NVIDIA-A100-PCI-40GB", 40),
            ("NVIDIA-A100-80GB-PCIe", 80),
            ("NVIDIA-A100-PCIE-80GB", 80),
        ),
        _A100_MIG,
    ),
    "A800": (
        (("NVIDIA-A800-SXM4-80GB", 80), ("NVIDIA-A800-80GB-PCIe", 80), ("NVIDIA-A800-40GB-Active", 40)),
        _A100_MIG,
    ),
    "H100": (
        (
            ("NVIDIA-H100-80GB-HBM3", 80),
            ("NVIDIA-H100-PCIe", 80),
            ("NVIDIA-H100-NVL", 94),
            ("NVIDIA-H100-64GB-HBM2", 64),
            ("NVIDIA-H100-SXM5-94GB", 94),
        ),
        _H100_MIG,
    ),
    "H800": ((("NVIDIA-H800", 80), ("NVIDIA-H800-PCIe", 80)), _H100_MIG),
    "H20": ((("NVIDIA-H20", 96), ("NVIDIA-H20-3e", 141)), ()),
    "H200": ((("NVIDIA-H200", 141), ("NVIDIA-H200-NVL", 141)), _H200_MIG),
    "GH200": ((("NVIDIA-GH200-480GB", 96), ("NVIDIA-GH200-120GB", 96), ("NVIDIA-GH200-144G-HBM3e", 144)), _H100_MIG),
    "B200": ((("NVIDIA-B200", 180),), _B200_MIG),
    "B300": ((("NVIDIA-B300-SXM6-AC", 270),), ()),
    "GB200": ((("NVIDIA-GB200", 186),), ()),
    "GB300": ((("NVIDIA-GB300", 279),), ()),
    "A30": ((("NVIDIA-A30", 24),), _A30_MIG),
    "A2": ((("NVIDIA-A2", 16),), ()),
    "A10": ((("NVIDIA-A10", 24),), ()),
    "A10G": ((("NVIDIA-A10G", 24),), ()),
    "A16": ((("NVIDIA-A16", 16),), ()),
    "A40": ((("NVIDIA-A40", 48),), ()),
    "L4": ((("NVIDIA-L4", 24),), ()),
    "L20": ((("NVIDIA-L20", 48),), ()),
    "L40": ((("NVIDIA-L40", 48),), ()),
    "L40S": ((("NVIDIA-L40S", 48),), ()),
    "T4": ((("Tesla-T4", 16), ("NVIDIA-T4", 16)), ()),
    "P4": ((("Tesla-P4", 8),), ()),
    "P40": ((("Tesla-P40", 24),), ()),
    "P100": ((("Tesla-P100-PCIE-16GB", 16), ("Tesla-P100-PCIE-12GB", 12), ("Tesla-P100-SXM2-16GB", 16)), ()),
    "V100": (
        (
            ("Tesla-V100-SXM2-16GB", 16),
            ("Tesla-V100-SXM2-32GB", 32),
            ("Tesla-V100-SXM3-32GB", 32),
            ("Tesla-V100-PCIE-16GB", 16),
            ("Tesla-V100-PCIE-32GB", 32),
            ("Tesla-V100-FHHL-16GB", 16),
            ("Tesla-V100S-PCIE-32GB", 32),
        ),
        (),
    ),
    "RTX-2080-TI": ((("NVIDIA-GeForce-RTX-2080-Ti", 11), ("GeForce-RTX-2080-Ti", 11)), ()),
    "RTX-3080": ((("NVIDIA-GeForce-RTX-3080", 10),), ()),
    "RTX-3090": ((("NVIDIA-GeForce-RTX-3090", 24),), ()),
    "RTX-4080": ((("NVIDIA-GeForce-RTX-4080", 16), ("NVIDIA-GeForce-RTX-4080-SUPER", 16)), ()),
    "RTX-4090": ((("NVIDIA-GeForce-RTX-4090", 24), ("NVIDIA-GeForce-RTX-4090-D", 24)), ()),
    "RTX-5080": ((("NVIDIA-GeForce-RTX-5080", 16),), ()),
    "RTX-5090": ((("NVIDIA-GeForce-RTX-5090", 32), ("NVIDIA-GeForce-RTX-5090-D", 32)), ()),
    "RTX-A2000": ((("NVIDIA-RTX-A2000", 6), ("NVIDIA-RTX-A2000-12GB", 12)), ()),
    "RTX-A4000": ((("NVIDIA-RTX-A4000", 16),), ()),
    "RTX-A4500": ((("NVIDIA-RTX-A4500", 20),), ()),
    "RTX-A5000": ((("NVIDIA-RTX-A5000", 24),), ()),
    "RTX-A5500": ((("NVIDIA-RTX-A5500", 24),), ()),
    "RTX-A6000": ((("NVIDIA-RTX-A6000", 48),), ()),
    "RTX-4000-ADA": ((("NVIDIA-RTX-4000-Ada-Generation", 20), ("NVIDIA-RTX-4000-SFF-Ada-Generation", 20)), ()),
    "RTX-4500-ADA": ((("NVIDIA-RTX-4500-Ada-Generation", 24),), ()),
    "RTX-5000-ADA": ((("NVIDIA-RTX-5000-Ada-Generation", 32),), ()),
    "RTX-6000-ADA": ((("NVIDIA-RTX-6000-Ada-Generation", 48),), ()),
    "RTX-PRO-6000": (
        (
            ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", 96),
            ("NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition", 96),
            ("NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition", 96),
        ),
        ("1g.24gb", "2g.48gb", "4g.96gb"),
    ),
    "RTX-6000": ((("Quadro-RTX-6000", 24),), ()),
    "RTX-8000": ((("Quadro-RTX-8000", 48),), ()),
    "TITAN-RTX": ((("NVIDIA-TITAN-RTX", 24), ("TITAN-RTX", 24)), ()),
}

_OTHERS: Final[Mapping[str, tuple[str, tuple[tuple[str, int], ...]]]] = {
    "MI100": ("amd", (("AMD_Instinct_MI100", 32),)),
    "MI210": ("amd", (("AMD_Instinct_MI210", 64),)),
    "MI250": ("amd", (("AMD_Instinct_MI250", 128),)),
    "MI250X": ("amd", (("AMD_Instinct_MI250X", 128), ("AMD_Instinct_MI250X_MCM_OAM_AC_MBA", 128))),
    "MI300A": ("amd", (("AMD_Instinct_MI300A", 128),)),
    "MI300X": ("amd", (("AMD_Instinct_MI300X", 192), ("AMD_Instinct_MI300X_OAM", 192))),
    "MI300": ("amd", (("AMD_Instinct_MI300A", 128), ("AMD_Instinct_MI300X", 192), ("AMD_Instinct_MI300X_OAM", 192))),
    "MI325X": ("amd", (("AMD_Instinct_MI325X", 256), ("AMD_Instinct_MI325X_OAM", 256))),
    "FLEX-140": ("intel", (("Flex_140", 12),)),
    "FLEX-170": ("intel", (("Flex_170", 16),)),
    "MAX-1100": ("intel", (("Max_1100", 48),)),
    "MAX-1550": ("intel", (("Max_1550", 128),)),
}


def _table() -> dict[str, Product]:
    table = {
        name: Product(name, "nvidia", tuple(Device(*device) for device in devices), mig)
        for name, (devices, mig) in _NVIDIA.items()
    }
    for name, (vendor, devices) in _OTHERS.items():
        table[name] = Product(name, vendor, tuple(Device(*device) for device in devices))
    return table


PRODUCTS: Final[Mapping[str, Product]] = _table()
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
