"""Energy and CO₂ of training at home, and of the same training in a data centre, by one method.

The method is that of Qiu et al., "A first look into the carbon footprint of federated learning" (arXiv 2102.07627): a
data centre's figure is power × time × PUE, a device's is power × time without cooling, plus what the transfer takes;
either times the grid's intensity gives CO₂. Beside measured joules everything here is an estimate and is to be called
one: the power of a device that measures nothing is the owner's figure, the data centre is one V100 that reaches 40 % of
its single-precision peak, and the network's share is an upper one of 2015 (Aslan et al., Journal of Industrial Ecology
2018), since halved several times.

Nothing is known of the grid unless the owner says it; then only energy is shown.
"""

from __future__ import annotations

from typing import Final

PUE: Final = 1.67
"""Power usage effectiveness of a data centre: what it takes over what its computers take."""
V100_W: Final = 250.0
V100_FLOPS: Final = 15.7e12
"""Single-precision peak of a V100, operations a second."""
UTILISATION: Final = 0.4
TRANSFER_WH_PER_GB: Final = 60.0
GRID_G_PER_KWH: Final = {"France": 79.0, "United Kingdom": 509.0, "United States": 547.0, "China": 975.0}
"""Grams of CO₂ for a kilowatt-hour, as the paper has them."""


def device_wh(watts: float, seconds: float) -> float:
    """Energy of a device at home, in Wh; nothing is cooled."""
    return watts * seconds / 3_600


def data_centre_wh(watts: float, seconds: float) -> float:
    """Energy of a device in a data centre, in Wh, cooling included."""
    return PUE * device_wh(watts, seconds)


def training_operations(parameters: int, tokens: int) -> float:
    """Operations that training takes, forwards and backwards: six a parameter and token."""
    return 6.0 * parameters * tokens


def same_training_wh(operations: float) -> float:
    """What so many operations take in a data centre, in Wh."""
    return data_centre_wh(V100_W, operations / (V100_FLOPS * UTILISATION))


def transfer_wh(transferred_bytes: float) -> float:
    """What the network takes, in Wh; both ways count."""
    return TRANSFER_WH_PER_GB * transferred_bytes / 1e9


def co2_g(wh: float, g_per_kwh: float) -> float:
    """Grams of CO₂."""
    return wh / 1_000 * g_per_kwh
