"""Which contact an answer speaks about: by leg, contact, case, or customer and window; with a reason for every row."""

from cxfusion.pairing.pair import pair
from cxfusion.pairing.plan import PairingPlan
from cxfusion.pairing.result import Pairing

__all__ = ["Pairing", "PairingPlan", "pair"]
